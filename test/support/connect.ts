/**
 * Talks to an echo.ts: `bun connect.ts ADDRESS PORT COUNT SEND RECEIVE` makes COUNT connections at once, sends so many bytes
 * over each and wants so many back. Prints what became of them: `{"1000 of 1000": 20}`, or a code as in `{"ECONNRESET": 1}`.
 */

import { connect } from "node:net";

const [host = "", port = "", count = "", toSend = "", toReceive = ""] = process.argv.slice(2);

const talk = (): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    const parts: Buffer[] = [];
    socket.on("data", (data: Buffer) => parts.push(data));
    socket.on("error", (error) => resolve((error as NodeJS.ErrnoException).code ?? String(error)));
    socket.on("close", () => resolve("closed"));
    socket.on("end", () => {
      const all = Buffer.concat(parts);
      const line = all.indexOf("\n");
      resolve(`${all.toString("latin1", 0, line)} sent, ${all.length - line - 1} received`);
    });
    const text = Buffer.alloc(Number(toSend), "y");
    text.write(`${toReceive}\n`);
    socket.end(text);
  });

const results: Record<string, number> = {};
for (const result of await Promise.all(Array.from({ length: Number(count) }, talk)))
  results[result] = (results[result] ?? 0) + 1;
console.log(JSON.stringify(results));
process.exit();
