/** A stretch of network in front of a server that loses what goes through it. */

import { onTestFinished } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { patienceMs } from "./patience.ts";

/** What happens to the answers of a connection after so many bytes. */
export type Trouble =
  | {
      after: number;
      /** It ends as if all had come, is broken, or nothing more comes. */
      fate: "end" | "reset" | "stall";
      /** Not before this is so: what has come is otherwise lost with the connection. */
      when?: () => boolean;
    }
  | undefined;

/**
 * Call it inside a test. @param target `127.0.0.1:40000`
 * @param trouble of each connection, the first first; those that follow have none
 * @returns where it listens
 */
export async function badNetwork(target: string, trouble: Trouble[]): Promise<{ host: string }> {
  const [hostname, port] = target.split(":") as [string, string];
  let connections = 0;
  return await listen((client, keep) => {
    const fate = trouble[connections++];
    const upstream = keep(connect(Number(port), hostname));
    client.on("data", (data) => upstream.write(data));
    client.on("close", () => upstream.destroy());
    let passed = 0;
    upstream.on("data", (data: Buffer) => {
      const left = fate ? fate.after - passed : data.length;
      passed += data.length;
      client.write(data.subarray(0, Math.max(0, left)));
      if (!fate || passed < fate.after) return;
      upstream.removeAllListeners("data");
      upstream.pause();
      if (fate.fate !== "stall") void meet(client, fate);
    });
    upstream.on("end", () => client.end());
  });
}

async function meet(client: Socket, { fate, when = () => true }: NonNullable<Trouble>): Promise<void> {
  for (const late = Date.now() + patienceMs; !when() && Date.now() < late; ) await Bun.sleep(2);
  if (fate === "end") client.end();
  else client.resetAndDestroy();
}

/** Call it inside a test. A server that answers each connection with the next of these texts, and ends it. */
export async function scripted(answers: string[]): Promise<{ host: string }> {
  let connections = 0;
  return await listen((client) => client.once("data", () => client.end(answers[connections++] ?? answers.at(-1)!)));
}

async function listen(serve: (client: Socket, keep: (socket: Socket) => Socket) => void): Promise<{ host: string }> {
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    return socket.on("error", () => {});
  };
  const server = createServer((client) => serve(keep(client), keep));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  return { host: `127.0.0.1:${typeof address === "object" ? address?.port : ""}` };
}
