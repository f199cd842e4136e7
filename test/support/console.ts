/** Whoever listens at a console socket, as a program: gets a terminal's master, types a line, and prints what appears until its end. */

import { type Fd, read, writeAll } from "../../src/linux/file.ts";
import { bind, check, cstr, memory } from "../../src/linux/libc.ts";
import { receiveMessage } from "../../src/linux/poll.ts";

const libc = bind({
  socket: ["int", "int", "int", "int"],
  bind: ["int", "int", "ptr", "int"],
  listen: ["int", "int", "int"],
  accept: ["int", "int", "ptr", "ptr"],
});

const [path, line] = process.argv.slice(2) as [string, string];
const address = memory(110);
new DataView(address.buffer).setUint16(0, 1, true); // AF_UNIX
address.set(cstr(path), 2);
const socket = check("socket", path, libc.socket(1, 1, 0)); // SOCK_STREAM
check("bind", path, libc.bind(socket, address, address.length));
check("listen", path, libc.listen(socket, 1));
const connection = check("accept", path, libc.accept(socket, null, null)) as Fd;
const [master] = receiveMessage(connection)?.fds ?? [];
if (master === undefined) throw new Error("no descriptor came");
writeAll(master, new TextEncoder().encode(`${line}\n`));
const buffer = memory(4096);
try {
  for (let count = read(master, buffer); count > 0; count = read(master, buffer))
    writeAll(1, buffer.subarray(0, count));
} catch {
  // EIO: nobody has the other end any more.
}
