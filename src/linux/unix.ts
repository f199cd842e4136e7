/** Path sockets that keep messages apart (unix(7)), reached through an open directory: a path of theirs has 107 bytes at most. */

import { ECONNREFUSED, ENOENT } from "./errno.ts";
import { type Fd, owned } from "./file.ts";
import { allow, bind, check, checkRetry, cstr, memory } from "./libc.ts";
import { unlink } from "./names.ts";
import { umask } from "./process.ts";

const libc = bind({
  socket: ["int", "int", "int", "int"],
  bind: ["int", "int", "ptr", "int"],
  listen: ["int", "int", "int"],
  accept4: ["int", "int", "ptr", "ptr", "int"],
  connect: ["int", "int", "ptr", "int"],
});

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const backlog = 16;

/** struct sockaddr_un: u16 family, then the path. */
function addressOf(path: string): Uint8Array {
  const address = memory(110);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(cstr(path), 2);
  return address;
}

const inDirectory = (directory: Fd, name: string): string => `/proc/self/fd/${directory}/${name}`;

/** A socket that listens at a name in an open directory, mode 0600; one that is there is replaced. */
export const listenAt = (directory: Fd, name: string): Fd => listenFor(SOCK_SEQPACKET, directory, name);

/** The same for streams. */
export const listenStreamAt = (directory: Fd, name: string): Fd => listenFor(SOCK_STREAM, directory, name);

function listenFor(type: number, directory: Fd, name: string): Fd {
  const path = inDirectory(directory, name);
  unlink(path);
  using socket = owned(check("socket", name, libc.socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) as Fd);
  const old = umask(0o177);
  try {
    const address = addressOf(path);
    check("bind", path, libc.bind(socket.fd, address, address.length));
  } finally {
    umask(old);
  }
  check("listen", path, libc.listen(socket.fd, backlog));
  return socket.handOff();
}

/** The next connection of a socket that listens. */
export const accept = (socket: Fd): Fd =>
  checkRetry("accept", "a connection", () => libc.accept4(socket, null, null, SOCK_CLOEXEC)) as Fd;

/** A connection to a name in an open directory, or undefined where nobody listens. */
export function connectAt(directory: Fd, name: string): Fd | undefined {
  const path = inDirectory(directory, name);
  using socket = owned(check("socket", name, libc.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) as Fd);
  const address = addressOf(path);
  const expected = [ENOENT, ECONNREFUSED];
  const connected = allow(expected, "connect", path, libc.connect(socket.fd, address, address.length));
  return connected === -1 ? undefined : socket.handOff();
}

/** A stream to whoever listens at a name in an open directory. */
export function connectStreamAt(directory: Fd, name: string, subject: string): Fd {
  using socket = owned(check("socket", subject, libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) as Fd);
  const address = addressOf(inDirectory(directory, name));
  check("connect to", subject, libc.connect(socket.fd, address, address.length));
  return socket.handOff();
}
