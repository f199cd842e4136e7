/**
 * What a container has at its ports: `bun echo.ts ADDRESS PORT`. Over tcp it waits until the other side has nothing more to
 * say, then tells how many bytes that was, and sends as many as the first line asked for. Over udp it sends back what came.
 * Says "ready" when it is; ends when its stdin does.
 */

import { createServer } from "node:net";
import { Readable } from "node:stream";

const [hostname = "", port = ""] = process.argv.slice(2);
const block = Buffer.alloc(65536, "x");

function* answer(received: number, wanted: number): Generator<Buffer> {
  yield Buffer.from(`${received}\n`);
  for (let rest = wanted; rest > 0; rest -= block.length) yield block.subarray(0, rest);
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  let received = 0;
  let wanted: number | undefined;
  socket.on("data", (data) => {
    wanted ??= Number.parseInt(data.toString("latin1", 0, 20), 10);
    received += data.length;
  });
  socket.on("error", () => {});
  socket.on("end", () => Readable.from(answer(received, wanted ?? 0)).pipe(socket));
});
await new Promise<void>((resolve) => {
  server.listen(Number(port), hostname, resolve);
});
await Bun.udpSocket({
  hostname,
  port: Number(port),
  socket: { error: () => {}, data: (socket, data, from, ip) => void socket.send(data, from, ip) },
});
console.log("ready");
for await (const _ of Bun.stdin.stream());
process.exit();
