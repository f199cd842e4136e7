/** The names in directories: getdents64(2). */

import { ENOENT } from "./errno.ts";
import { type Fd, O_DIRECTORY, O_RDONLY, openIfAny, owned } from "./file.ts";
import { allow, memory, syscall } from "./libc.ts";

const decoder = new TextDecoder();

/** The names in a directory, or only those of directories in it; undefined where there is no such directory. */
export function readdir(path: string, only?: "directories"): string[] | undefined {
  using directory = owned(openIfAny(path, O_RDONLY | O_DIRECTORY));
  if (directory === undefined) return undefined;
  const names: string[] = [];
  readEntries(directory.fd, path, (name, isDirectory) => {
    if (isDirectory || !only) names.push(decoder.decode(name));
  });
  return names;
}

const DT_DIR = 4;
const dot = 46;

/**
 * getdents64(2) until the end, "." and ".." left out. A record: u64 inode, i64 offset, u16 length of the record, u8 type,
 * name NUL. @param use takes a name as the kernel keeps it, valid until it returns, and whether it is called a directory.
 */
export function readEntries(fd: Fd, subject: string, use: (name: Uint8Array, isDirectory: boolean) => void): void {
  const { buffer, view } = spare ?? roomForEntries();
  spare = undefined;
  for (;;) {
    // One that was removed since it was opened has no entries, and says so by ENOENT.
    const filled = allow([ENOENT], "read directory", subject, syscall("getdents64", fd, buffer, buffer.length));
    if (filled <= 0) break;
    for (let at = 0; at < filled; at += view.getUint16(at + 16, true)) {
      const name = buffer.subarray(at + 19, buffer.indexOf(0, at + 19));
      const itself = name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot));
      if (!itself) use(name, buffer[at + 18] === DT_DIR);
    }
  }
  spare = { buffer, view };
}

/** Of whoever has read a directory before, for the next who does; while it is in use another gets one of his own. */
let spare: ReturnType<typeof roomForEntries> | undefined;

function roomForEntries() {
  const buffer = memory(32768);
  return { buffer, view: new DataView(buffer.buffer) };
}
