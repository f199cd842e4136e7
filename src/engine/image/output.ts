/** Where an archive is written to: a file, which is there whole or not at all, or stdout. */

import { isFull, NotFoundError, type SyscallError, UsageError } from "../../errors.ts";
import {
  close,
  O_CREAT,
  O_EXCL,
  O_NOCTTY,
  O_NONBLOCK,
  O_TRUNC,
  O_WRONLY,
  open,
  write,
  writeAll,
} from "../../linux/file.ts";
import { rename, unlink } from "../../linux/names.ts";
import { openOutput, openSink, writeAllWhenReady } from "../../linux/nonblocking.ts";
import { fstat, type Stat, statIfAny } from "../../linux/stat.ts";
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
  const output = file === undefined ? openStdout() : openFile(file);
  let written = 0;
  try {
    await produce((bytes) => {
      endIfInterrupted();
      output.write(bytes);
      written += bytes.length;
    });
    endIfInterrupted();
    output.keep();
    return written;
  } catch (error) {
    output.discard();
    if (isFull(error) && file !== undefined)
      throw (error as SyscallError).withHint("the disk is full: nothing was kept");
    throw error;
  }
}

/** Where it goes to, and what becomes of that in the end. */
interface Target {
  write(bytes: Uint8Array): void;
  keep(): void;
  discard(): void;
}

function openStdout(): Target {
  const name = "stdout";
  if (fstat(1).type === "file") return { write: (bytes) => writeAll(1, bytes, name), keep() {}, discard() {} };
  const output = openOutput(1, name);
  return { write: (bytes) => writeAllWhenReady(output, bytes), keep() {}, discard() {} };
}

/** What is not a regular file (a pipe, /dev/null) is written to as it is. */
function openSpecial(file: string, type: Stat["type"]): Target {
  if (type === "socket") throw new UsageError(`${file} is a socket`, "name a file or a pipe");
  const fd = type === "fifo" ? openSink(file) : open(file, O_WRONLY | O_TRUNC | O_NOCTTY | O_NONBLOCK);
  const output = { fd, write: (bytes: Uint8Array) => write(fd, bytes, file) };
  return {
    write: (bytes) => writeAllWhenReady(output, bytes),
    keep: () => close(fd),
    discard: () => close(fd),
  };
}

/** A new file beside the one that it will replace. */
function openFile(file: string): Target {
  const there = statIfAny(file);
  if (there?.type === "directory") throw new UsageError(`${file} is a directory`, "name a file in it");
  if (there && there.type !== "file") return openSpecial(file, there.type);
  const slash = file.lastIndexOf("/");
  const parent = slash === -1 ? "." : file.slice(0, Math.max(slash, 1));
  if (!statIfAny(parent)) throw new NotFoundError(`cannot write ${file}: the directory ${parent} does not exist`);
  const temporary = `${file}.${process.pid}.new`;
  const fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  return {
    write: (bytes) => writeAll(fd, bytes, file),
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
