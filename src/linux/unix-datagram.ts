/** Datagrams to a socket with a path (unix(7)). */

import { EAGAIN, ECONNREFUSED, ENOBUFS, errnos } from "./errno.ts";
import { type Fd, owned } from "./file.ts";
import { allow, bind, check, cstr, memory, readErrno } from "./libc.ts";

const libc = bind({
  socket: ["int", "int", "int", "int"],
  connect: ["int", "int", "ptr", "int"],
  send: ["long", "int", "ptr", "long", "int"],
});

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** A socket whose datagrams go there. @param path 107 bytes at most. */
export function connectDatagram(path: string): Fd {
  using socket = owned(check("socket", path, libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) as Fd);
  const address = memory(110);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(cstr(path), 2);
  check("connect", path, libc.connect(socket.fd, address, address.length));
  return socket.handOff();
}

/** Sends one without waiting. @returns false if nobody is there any more; one that there is no room for is lost. */
export function trySend(socket: Fd, data: Uint8Array): boolean {
  const gone = [ECONNREFUSED, errnos.ENOTCONN];
  const lost: number[] = [EAGAIN, ENOBUFS, errnos.EMSGSIZE];
  const sent = libc.send(socket, data, data.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (allow([...gone, ...lost], "send", "a line", sent) !== -1) return true;
  return lost.includes(readErrno());
}
