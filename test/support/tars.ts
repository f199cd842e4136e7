/** Tars made byte by byte: also those that no honest tool writes. */

/** One entry as it stands in the archive; nothing is checked. */
export interface RawEntry {
  name: string | Buffer;
  /** Type flag; "0" if there is content, "5" for a name that ends in a slash. */
  type?: string;
  content?: string | Buffer;
  link?: string | Buffer;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  /** What the header says instead of the content's length. */
  size?: number;
  major?: number;
  minor?: number;
  /** "ustar\0" + "00", "ustar  \0" (GNU), or eight NULs (v7). */
  magic?: string;
  /** Last changes to the block, before the checksum. */
  patch?: (block: Buffer) => void;
  /** Instead of the right checksum. */
  checksum?: string;
}

/** A number as octal digits, or in GNU's base 256 where they do not fit. */
export function putNumber(block: Buffer, at: number, length: number, value: number): void {
  const octal = value >= 0 ? value.toString(8) : "";
  if (octal !== "" && octal.length < length) {
    block.write(octal.padStart(length - 1, "0"), at, "latin1");
    return;
  }
  let rest = BigInt(value);
  for (let i = at + length - 1; i >= at; i--, rest >>= 8n) block[i] = Number(rest & 0xffn);
  block[at] = (block[at] as number) | 0x80;
}

/** One entry's header and content, padded. */
export function entryBytes(entry: RawEntry): Buffer {
  const block = Buffer.alloc(512);
  const content = Buffer.from(entry.content ?? "");
  const name = Buffer.from(entry.name);
  name.copy(block, 0, 0, 100);
  putNumber(block, 100, 8, entry.mode ?? 0o644);
  putNumber(block, 108, 8, entry.uid ?? 0);
  putNumber(block, 116, 8, entry.gid ?? 0);
  putNumber(block, 124, 12, entry.size ?? content.length);
  putNumber(block, 136, 12, entry.mtime ?? 1_000_000_000);
  block.write(entry.type ?? (name.at(-1) === 0x2f ? "5" : "0"), 156, "latin1");
  Buffer.from(entry.link ?? "").copy(block, 157, 0, 100);
  block.write(entry.magic ?? "ustar\x0000", 257, "latin1");
  if (entry.major !== undefined) putNumber(block, 329, 8, entry.major);
  if (entry.minor !== undefined) putNumber(block, 337, 8, entry.minor);
  entry.patch?.(block);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(entry.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export const endMarker = Buffer.alloc(1024);

/** A whole tar. */
export const tarOf = (...entries: RawEntry[]): Buffer => Buffer.concat([...entries.map(entryBytes), endMarker]);

type Records = Record<string, string | Buffer> | [string, string | Buffer][];

/** pax records: lengths include themselves. */
export function paxRecords(records: Records): Buffer {
  const parts = (Array.isArray(records) ? records : Object.entries(records)).map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    return Buffer.concat([Buffer.from(String(length)), rest]);
  });
  return Buffer.concat(parts);
}

/** A pax header for the entry that follows. */
export const pax = (records: Records): RawEntry => ({ name: "pax", type: "x", content: paxRecords(records) });

/** A GNU long name ("L") or long link ("K") for the entry that follows. */
export const longName = (name: string, type: "L" | "K" = "L"): RawEntry => ({
  name: "././@LongLink",
  type,
  content: `${name}\0`,
  magic: "ustar  \0",
});
