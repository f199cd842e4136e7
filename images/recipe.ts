/** What an image's recipe is: the entries of its rootfs, written as a tar that has the same bytes each time. */

import { pack } from "tar-stream";

export type Entry =
  | { path: string; type: "directory"; mode?: number }
  | { path: string; type: "file"; data: string | Uint8Array; mode?: number }
  | { path: string; type: "symlink"; target: string };

/** Every entry's time: no clock gets into an image. */
const mtime = new Date("2024-01-01T00:00:00Z");

/** The tar of a rootfs: sorted by path, owned by root, with parents that nobody listed. */
export async function tarOf(entries: Entry[]): Promise<Buffer> {
  const tar = pack();
  const chunks: Buffer[] = [];
  const end = (async () => {
    for await (const chunk of tar) chunks.push(chunk as Buffer);
  })();
  for (const entry of withParents(entries)) {
    const owner = { name: entry.path, mtime, uid: 0, gid: 0, uname: "root", gname: "root" };
    if (entry.type === "directory") tar.entry({ ...owner, type: "directory", mode: entry.mode ?? 0o755 });
    else if (entry.type === "symlink") tar.entry({ ...owner, type: "symlink", linkname: entry.target, mode: 0o777 });
    else tar.entry({ ...owner, type: "file", mode: entry.mode ?? 0o644 }, Buffer.from(entry.data));
  }
  tar.finalize();
  await end;
  return Buffer.concat(chunks);
}

function withParents(entries: Entry[]): Entry[] {
  const byPath = new Map<string, Entry>(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
      const parent = path.slice(0, at);
      if (!byPath.has(parent)) byPath.set(parent, { path: parent, type: "directory" });
    }
  }
  // By code unit, not by locale: the order is the same on every machine, and a directory comes before what is in it.
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
