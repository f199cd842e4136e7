/**
 * A DNS server that behaves as the first label of a name says, for the resolver to ask: `bun dns-server.ts ADDRESS NUMBER`.
 * It answers with 192.0.2.NUMBER. Says "ready" when it is; ends when its stdin does.
 */

import { decode, encode, type Packet, streamEncode } from "dns-packet";

const [hostname = "", number = ""] = process.argv.slice(2);

const address = (name: string, data: string) => ({ type: "A" as const, name, data, ttl: 60 });
const many = (name: string) => Array.from({ length: 100 }, (_, at) => address(name, `198.51.100.${at}`));

interface Asked {
  id: number;
  name: string;
  type: string;
  /** What the asker takes, by EDNS. */
  bytes: number;
  stream: boolean;
}

/** Answers, after some milliseconds. */
type Behaviour = (asked: Asked) => { afterMs?: number; packet: Partial<Packet> & { otherPort?: boolean } }[];
const TC = 0x200;
const RD = 0x100;
const RA = 0x80;
const REFUSED = 5;
const NXDOMAIN = 3;

const usual: Behaviour = ({ name }) => [{ packet: { answers: [address(name, `192.0.2.${number}`)] } }];
const lies: Behaviour = ({ id, name }) => [
  { packet: { id: id ^ 1, answers: [address(name, "6.6.6.6")] } },
  { packet: { questions: [{ type: "A", name: "other.example" }], answers: [address(name, "6.6.6.6")] } },
  { packet: { otherPort: true, answers: [address(name, "6.6.6.6")] } },
  { packet: { type: "query" } },
];
const behaviours: Record<string, Behaviour> = {
  dead: () => [],
  slow: (asked) => [{ ...usual(asked)[0]!, afterMs: 300 }],
  lost: (asked) => (first(asked.name) ? [] : usual(asked)),
  forger: lies,
  liar: (asked) => [...lies(asked), { ...usual(asked)[0]!, afterMs: 100 }],
  long: ({ name, stream }) => [{ packet: stream ? { answers: many(name) } : { flags: TC } }],
  rude: ({ name }) => [{ packet: { answers: many(name) } }],
  refused: (asked) => (number === "1" ? [{ packet: { flags: REFUSED } }] : usual(asked)),
  never: () => [{ packet: { flags: REFUSED } }],
  none: () => [{ packet: { flags: NXDOMAIN } }],
  edns: ({ name, bytes }) => [{ packet: { answers: [address(name, `0.0.${bytes >> 8}.${bytes & 255}`)] } }],
};

const seen = new Set<string>();
/** True for the first time that a name is asked for. */
const first = (name: string): boolean => !seen.has(name) && seen.add(name) !== undefined;

function respond(message: Uint8Array, stream: boolean, send: (packet: Packet, otherPort: boolean) => void): void {
  const { id = 0, questions = [], additionals = [] } = decode(Buffer.from(message));
  const [question] = questions;
  if (!question) return;
  const { name, type } = question;
  const edns = additionals.find((one) => one.type === "OPT") as { udpPayloadSize: number } | undefined;
  const behaviour = behaviours[name.split(".")[0]!.replace(/-.*/, "")] ?? usual;
  for (const { afterMs = 0, packet } of behaviour({ id, name, type, bytes: edns?.udpPayloadSize ?? 0, stream })) {
    const { otherPort = false, ...rest } = packet;
    const all: Packet = { type: "response", id, questions, ...rest, flags: RD | RA | (rest.flags ?? 0) };
    if (afterMs) setTimeout(() => send(all, otherPort), afterMs);
    else send(all, otherPort);
  }
}

const other = await Bun.udpSocket({ hostname, socket: { error: () => {} } });
await Bun.udpSocket({
  hostname,
  port: 53,
  socket: {
    // Who asked is gone, and its port with it.
    error: () => {},
    data: (socket, message, port, from) =>
      respond(message, false, (packet, otherPort) => {
        (otherPort ? other : socket).send(encode(packet), port, from);
      }),
  },
});
Bun.listen({
  hostname,
  port: 53,
  socket: {
    data: (socket, message) => respond(message.subarray(2), true, (packet) => void socket.write(streamEncode(packet))),
  },
});
console.log("ready");
for await (const _ of Bun.stdin.stream());
process.exit();
