/** What the callers of an OCI runtime give it: descriptors that become the container's own, and a socket for its terminal. */

import { Failure, hasCode } from "../../errors.ts";
import { byteName } from "../../linux/byte-name.ts";
import { close, type Fd, O_DIRECTORY, O_PATH, open, owned } from "../../linux/file.ts";
import { sendMessage } from "../../linux/poll.ts";
import { fstat } from "../../linux/stat.ts";
import { fchown } from "../../linux/tree/metadata.ts";
import { isatty } from "../../linux/tty.ts";
import { connectStreamAt } from "../../linux/unix.ts";
import type { ConnectedStdio, Owner } from "../stdio.ts";

/** Stdin, stdout and stderr as they are; a terminal, if it has one, goes to whoever listens at the socket. */
export function handedOver(owner: Owner, consoleSocket: string | undefined): ConnectedStdio {
  if (consoleSocket === undefined) for (const fd of [0, 1, 2] as const) giveTo(owner, fd);
  return {
    inside: [],
    copies: [],
    connect: (master) => {
      if (consoleSocket !== undefined) sendTo(consoleSocket, master);
      close(master);
    },
    resize: () => false,
    restore: () => {},
    onInterrupt: () => {},
    typed: () => {},
    endInput: () => {},
  };
}

const nullDevice = "1:3";

/** As runc does: a program may open its stdin and stdout again by name (/dev/stdout). Neither a device nor a terminal is given away. */
function giveTo({ uid }: Owner, fd: Fd): void {
  const { uid: before, type, rdev } = fstat(fd);
  if (before === uid || (type === "char" && rdev === nullDevice) || isatty(fd)) return;
  try {
    fchown(fd, uid, -1, byteName`stdio`);
  } catch (error) {
    if (!hasCode(error, "EINVAL", "EPERM", "EROFS")) throw error;
  }
}

const encoder = new TextEncoder();

/** SCM_RIGHTS, and beside it a name, as there has to be some data. */
function sendTo(path: string, master: Fd): void {
  const slash = path.lastIndexOf("/");
  using directory = owned(open(path.slice(0, slash) || (slash < 0 ? "." : "/"), O_PATH | O_DIRECTORY));
  using socket = owned(connectStreamAt(directory.fd, path.slice(slash + 1), `the console socket ${path}`));
  sendMessage(socket.fd, { data: encoder.encode("/dev/ptmx"), fds: [master] });
}

/** The descriptors from 3 on that the program is to have. @throws Failure if one of them is not open. */
export function preservedFds(count: number): Fd[] {
  return Array.from({ length: count }, (_, index) => {
    const fd = (3 + index) as Fd;
    try {
      fstat(fd);
    } catch (error) {
      if (!hasCode(error, "EBADF")) throw error;
      throw new Failure(`descriptor ${fd} is to be preserved, and is not open`, "--preserve-fds counts from 3 on");
    }
    return fd;
  });
}
