/** What the program reads and writes, as records: a pseudo-terminal of the container's own, pipes, its null device. */

import { Block, Field, names, type Slot } from "../../linux/program/record.ts";
import { ints, words } from "../../linux/program/writer.ts";
import type { InitStep } from "../init-step.ts";
import { type Context, given } from "./context.ts";
import { attach, ensureFile, mustBeNullDevice, open, openInRoot } from "./path.ts";

type Of<Kind> = Extract<InitStep, { do: Kind }>;

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const cmsgBytes = 20;
const cmsgFd = 16;

/** A message on the sync socket with one descriptor beside it. */
export interface FdMessage {
  message: Block;
  /** Where the descriptor is to be stored. */
  fd: Field;
}

/** struct msghdr around one byte that says what it is, and a struct cmsghdr with the descriptor. */
export function fdMessage(kind: "n" | "c"): FdMessage {
  const data = new Block("kind", { bytes: new TextEncoder().encode(kind) });
  // u64 length, i32 level, i32 type, i32 descriptor; padded to eight bytes.
  const control = ints("cmsghdr", [cmsgBytes, 0, SOL_SOCKET, SCM_RIGHTS, -1, 0]);
  const iovec = words("iovec", { iov_base: data, iov_len: 1 });
  const message = words("msghdr", {
    msg_name: 0,
    msg_namelen: 0,
    msg_iov: iovec,
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: 24,
    msg_flags: 0,
  });
  return { message, fd: new Field(control, cmsgFd, "i32") };
}

export const sendFd = ({ writer }: Context, { message }: FdMessage): void =>
  writer.call("sendmsg", [given.sync, message, names("MSG_NOSIGNAL")]);

/** A pty of the container's own devpts: the slave is /dev/console and the controlling terminal, the master goes to the host's side. */
export function console(context: Context, { rows, columns, only }: Of<"console">): void {
  const { writer, slave } = context;
  const toHost = fdMessage("c");
  const master = toHost.fd;
  writer.about("the terminal");
  writer.call("openat2", [context.root, "/dev/pts/ptmx", open.readWrite, 24], { into: master });
  writer.call("ioctl", [master, names("TIOCSPTLCK"), ints("unlock", [0])]);
  writer.call("ioctl", [master, names("TIOCGPTPEER"), names("O_RDWR", "O_NOCTTY", "O_CLOEXEC")], { into: slave });
  writer.call("fchown", [slave, given.uid, -1]);
  if (rows !== undefined && columns !== undefined) {
    const size = new Uint8Array(Uint16Array.of(rows, columns, 0, 0).buffer);
    writer.call("ioctl", [master, names("TIOCSWINSZ"), new Block("winsize", { bytes: size })]);
  }
  if (!only) {
    const over = ensureFile(context, "/dev/console");
    writer.about("the terminal on /dev/console");
    const flags = names("OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH");
    attach(context, writer.into("copy", "open_tree", [slave, "", flags]), over);
  }
  writer.call("ioctl", [slave, names("TIOCSCTTY"), 0]);
  sendFd(context, toHost);
  // Whoever has it keeps the terminal from ending.
  writer.call("close", [master]);
}

/** Loaded for those who join a container: one that starts has it. */
const ownNull = () => require("./null-device.ts") as typeof import("./null-device.ts");

/** All three at once: no descriptor of the caller's is left. */
export function stdio(context: Context, { stdio: kinds, makeNull }: Of<"stdio">): void {
  const { writer } = context;
  let nullDevice: Slot | undefined;
  if (kinds.includes("null") && makeNull) nullDevice = ownNull().nullDeviceOrOwn(context);
  else if (kinds.includes("null")) {
    nullDevice = openInRoot(context, "/dev/null", open.readWrite);
    mustBeNullDevice(context, nullDevice);
  }
  writer.about("stdin, stdout, stderr");
  kinds.forEach((kind, index) => {
    if (kind === "inherited") return;
    const from = kind === "pipe" ? given.stdio[index]! : kind === "terminal" ? context.slave : nullDevice!;
    writer.call("dup3", [from, index, 0]);
  });
}
