/**
 * Files that keep records, read so that one that cannot be read is the trouble of its own object and of no other: a bad disk, a
 * directory or a FIFO in its place, a text that never ends.
 */

import { hasCode, InvalidError, SyscallError } from "./errors.ts";
import {
  type Fd,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  openIfAny,
  owned,
  readAll,
  readSmallFileIfAny,
  withFile,
} from "./linux/file.ts";
import { fstat, type Stat, statIfAny } from "./linux/stat.ts";

/** What of a file that is there cannot be read, as goes on after its name: `is a directory`, `cannot be read: EIO (...)`. */
export interface Unreadable {
  unreadable: string;
}

/** The text of a record; undefined where there is no file. Nothing but a regular file is one. */
export function readRecordFile(path: string): string | Unreadable | undefined {
  try {
    const text = readSmallFileIfAny(path, O_NOFOLLOW | O_NOCTTY);
    // So reads a FIFO that nobody writes to, too.
    return text === "" ? (otherThanFile(path) ?? text) : text;
  } catch (error) {
    return whyUnreadable(error, path);
  }
}

/**
 * The content of a file that is kept beside a record.
 * @throws InvalidError where something else is in its place: nobody waits for whoever may write to a FIFO.
 */
export function readKeptFile(path: string): Uint8Array {
  const other = otherThanFile(path);
  if (other) throw new InvalidError(`cannot read ${path}: it ${other.unreadable}`);
  return withFile(path, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, (fd) => readAll(fd, path));
}

/** The same of one that is open: a lock file, whose lock we have. */
export function readOpenRecord(fd: Fd, path: string): string | Unreadable {
  try {
    return new TextDecoder().decode(readAll(fd, path));
  } catch (error) {
    return whyUnreadable(error, path) ?? "";
  }
}

/** The text of a record, for those to whom one that cannot be read is as good as none. */
export function readableRecord(path: string): string | undefined {
  const text = readRecordFile(path);
  return typeof text === "string" ? text : undefined;
}

/** Troubles of this process, and of no file. */
const ofProcess = ["EMFILE", "ENFILE", "ENOMEM"];

function whyUnreadable(error: unknown, path: string): Unreadable | undefined {
  if (hasCode(error, ...ofProcess) || (hasCode(error, "EACCES", "EPERM") && process.geteuid?.() !== 0)) throw error;
  // No file has such a name.
  if (hasCode(error, "ENAMETOOLONG")) return undefined;
  const other = otherThanFile(path);
  if (other) return other;
  if (error instanceof SyscallError) return { unreadable: `cannot be read: ${error.code} (${error.reason})` };
  if (error instanceof InvalidError) return { unreadable: "is too large" };
  throw error;
}

const kinds: Record<Exclude<Stat["type"], "file">, string> = {
  directory: "a directory",
  symlink: "a symbolic link",
  char: "a device",
  block: "a device",
  fifo: "a FIFO",
  socket: "a socket",
};

function otherThanFile(path: string): Unreadable | undefined {
  const type = statIfAny(path, { follow: false })?.type ?? "file";
  return type === "file" ? undefined : { unreadable: `is ${kinds[type]}` };
}

const maxWrittenBytes = 1 << 20;

/** What an administrator or a vendor has written. Anything else than a file may keep us waiting. */
export function readRegularFileIfAny(path: string, maxBytes = maxWrittenBytes): string | undefined {
  using file = owned(openIfAny(path, O_RDONLY | O_NONBLOCK));
  if (file === undefined) return undefined;
  if (fstat(file.fd).type !== "file") throw new InvalidError(`${path} is not a regular file`);
  return new TextDecoder().decode(readAll(file.fd, path, maxBytes));
}
