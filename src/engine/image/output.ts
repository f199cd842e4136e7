/** Where an archive is written to: a file, which is there whole or not at all, or stdout. */

import { isFull, NotFoundError, type SyscallError, UsageError } from "../../errors.ts";
import {
  close,
  O_CREAT,
  O_EXCL,
  O_NOCTTY,
  O_TRUNC,
  O_WRONLY,
  open,
  rename,
  statIfAny,
  unlink,
  writeAll,
} from "../../linux/file.ts";
import { isatty } from "../../linux/tty.ts";
import { endIfInterrupted } from "./interrupt.ts";

/**
 * Has `produce` write to a file, or to stdout where none is named. A failure, a full disk or Ctrl-C leaves what was there before.
 * @returns how many bytes were written.
 */
export async function withOutput(
  file: string | undefined,
  produce: (write: (bytes: Uint8Array) => void) => void | Promise<void>,
): Promise<number> {
  if (file === undefined && isatty(1))
    throw new UsageError("a tar is not printed on a terminal", "name a file with -o, or use a pipe");
  const output = file === undefined ? { fd: 1 as const, name: "stdout", keep() {}, discard() {} } : openFile(file);
  let written = 0;
  try {
    await produce((bytes) => {
      endIfInterrupted();
      writeAll(output.fd, bytes, output.name);
      written += bytes.length;
    });
    endIfInterrupted();
    output.keep();
    return written;
  } catch (error) {
    output.discard();
    if (isFull(error)) throw (error as SyscallError).withHint("the disk is full: nothing was kept");
    throw error;
  }
}

/** A new file beside the one that it will replace; what is not a regular file (a pipe, /dev/null) is written to as it is. */
function openFile(file: string) {
  const there = statIfAny(file);
  if (there?.type === "directory") throw new UsageError(`${file} is a directory`, "name a file in it");
  if (there && there.type !== "file") {
    const fd = open(file, O_WRONLY | O_TRUNC | O_NOCTTY);
    return { fd, name: file, keep: () => close(fd), discard: () => close(fd) };
  }
  const slash = file.lastIndexOf("/");
  const parent = slash === -1 ? "." : file.slice(0, Math.max(slash, 1));
  if (!statIfAny(parent)) throw new NotFoundError(`cannot write ${file}: the directory ${parent} does not exist`);
  const temporary = `${file}.${process.pid}.new`;
  const fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  return {
    fd,
    name: file,
    keep() {
      close(fd);
      rename(temporary, file);
    },
    discard() {
      close(fd);
      unlink(temporary);
    },
  };
}
