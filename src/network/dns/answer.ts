/** What a DNS query gets from the names of our networks (RFC 1035, RFC 6891), or that others are to be asked. No I/O. */

import { type Answer, decode, encode, type OptAnswer } from "dns-packet";
import { readAddress } from "../../plan/network/address.ts";
import { headerBytes, questionEnd, RCODE, refuse } from "./message.ts";
import { addressOfPtrName } from "./ptr-record.ts";
import type { Zone } from "./zone.ts";

/** How a container is to be answered. */
export interface AnswerOptions {
  /** In the order in which they are asked: the first that knows a name answers. */
  zones: Zone[];
  /** Others are asked for what no zone knows. */
  forward: boolean;
  /** Names without a dot are not others' business: the container tries them with a search domain. */
  searchFirst: boolean;
  /** It came over a stream, which takes answers of any size. */
  stream: boolean;
}

export type Verdict =
  | { reply: Uint8Array }
  /** @param maxBytes what the asker takes. */
  | { forward: true; maxBytes: number }
  /** Not even an error can be answered. */
  | undefined;

/** Not kept by anybody: a container may be gone, or have another address, the moment after. */
const ttlSeconds = 0;
const smallestUdp = 512;
/** More than this is cut into packets that get lost. */
const largestUdp = 4096;
const ourUdp = 1232;
const flags = { AA: 0x400, TC: 0x200, RD: 0x100, RA: 0x80 };

/** Turns to another address each time a name with several is asked for. */
let turns = 0;

export function answer(query: Uint8Array, options: AnswerOptions): Verdict {
  // A response: whoever answers those starts a conversation without end.
  if (query.length < headerBytes || query[2]! & 0x80) return undefined;
  if ((query[2]! >> 3) & 15) return { reply: refuse(query, RCODE.NOTIMP) };
  const packet = decodeQuery(query);
  if (!packet) return { reply: refuse(query, RCODE.FORMERR) };
  const { name, type, class: kind } = packet.questions![0]!;
  const edns = packet.additionals?.find((one): one is OptAnswer => one.type === "OPT");
  const udpBytes = Math.min(Math.max(edns?.udpPayloadSize ?? smallestUdp, smallestUdp), largestUdp);
  const maxBytes = options.stream ? 65535 : udpBytes;
  const found = kind === "IN" ? lookUp(name.toLowerCase().replace(/\.$/, ""), options.zones) : undefined;
  if (!found) {
    const unqualified = !name.includes(".") && (type === "A" || type === "AAAA");
    if (options.forward && !(options.searchFirst && unqualified)) return { forward: true, maxBytes };
    return { reply: refuse(query, RCODE.NXDOMAIN) };
  }
  const answers = found
    .filter((one) => type === one.type || type === ("ANY" as string))
    .map((one) => toAnswer(name, one));
  const turn = answers.length > 1 ? turns++ % answers.length : 0;
  const turned = [...answers.slice(turn), ...answers.slice(0, turn)];
  const reply = build(packet, turned, edns !== undefined, maxBytes);
  // dns-packet does not know all types by name, and would write another.
  reply.set(query.subarray(headerBytes, questionEnd(query)), headerBytes);
  return { reply };
}

/** Undefined for what is not one well-formed question. */
function decodeQuery(query: Uint8Array) {
  if (questionEnd(query) === undefined) return undefined;
  try {
    const packet = decode(Buffer.from(query.buffer, query.byteOffset, query.length));
    return packet.questions?.length === 1 ? packet : undefined;
  } catch {
    return undefined;
  }
}

interface Found {
  type: "A" | "AAAA" | "PTR";
  data: string;
}

/** All that there is for a name; nothing, if it is not one of ours. */
function lookUp(name: string, zones: Zone[]): Found[] | undefined {
  const linked = lookUpLink(name, zones);
  if (linked) return linked.map(toFound);
  const address = addressOfPtrName(name);
  for (const { network, byName, byAddress } of zones) {
    if (address !== undefined) {
      const owner = byAddress.get(address);
      if (owner !== undefined) return [{ type: "PTR", data: `${owner}.${network}` }];
      continue;
    }
    const inside = insideOf(name, network);
    const addresses = byName.get(name) ?? byName.get(inside);
    if (addresses) return addresses.map(toFound);
  }
  return undefined;
}

/** A name of the asker's own comes before those that all know; one that leads nowhere now is none. */
function lookUpLink(name: string, zones: Zone[]): string[] | undefined {
  for (const { network, byName, links } of zones) {
    const target = links?.get(name) ?? links?.get(insideOf(name, network));
    const addresses = target === undefined ? undefined : byName.get(target);
    if (addresses) return addresses;
  }
  return undefined;
}

const insideOf = (name: string, network: string): string =>
  name.endsWith(`.${network}`) ? name.slice(0, -network.length - 1) : name;

const toFound = (data: string): Found => ({ type: readAddress(data)!.length === 4 ? "A" : "AAAA", data });

const toAnswer = (name: string, { type, data }: Found): Answer =>
  ({ type, class: "IN", name, ttl: ttlSeconds, data }) as Answer;

/** As many answers as fit; the flag TC tells of others, and the asker comes again over a stream. */
function build(packet: ReturnType<typeof decode>, answers: Answer[], edns: boolean, maxBytes: number): Uint8Array {
  for (let count = answers.length; ; count = Math.floor((count * 3) / 4)) {
    const reply = encode({
      type: "response",
      id: packet.id!,
      flags: flags.AA | flags.RA | (packet.flags! & flags.RD) | (count < answers.length ? flags.TC : 0),
      questions: packet.questions!,
      answers: answers.slice(0, count),
      additionals: edns ? [{ type: "OPT", name: ".", udpPayloadSize: ourUdp, flags: 0, options: [] } as never] : [],
    });
    if (reply.length <= maxBytes || count === 0) return reply;
  }
}
