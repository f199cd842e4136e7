/** Compressors for tests; undefined where the host lacks the tool. */

import * as zlib from "node:zlib";

export const gzipSync = (content: Buffer): Buffer => zlib.gzipSync(content);
export const zstdSync = (content: Buffer): Buffer =>
  zlib.zstdCompressSync(content, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });
export const xzSync = (content: Buffer): Buffer | undefined => byTool("xz", content);
export const bzip2Sync = (content: Buffer): Buffer | undefined => byTool("bzip2", content);

function byTool(tool: string, content: Buffer): Buffer | undefined {
  if (!Bun.which(tool)) return undefined;
  return Buffer.from(Bun.spawnSync([tool, "-c"], { stdin: content }).stdout);
}
