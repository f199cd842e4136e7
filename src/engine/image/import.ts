/** Importing: a tar of a root file system becomes an image of one layer. */

import { UnsupportedError } from "../../errors.ts";
import { readCompressed, sniffRange } from "../../image/compression.ts";
import { openInput } from "../../image/input.ts";
import type { LoadProgress } from "../../image/load.ts";
import { makeImage } from "../../image/make.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Platform } from "../../oci/manifest.ts";
import type { Paths } from "../../paths.ts";
import { defaultPath } from "../../plan/path.ts";
import { recordEvent } from "../record/events.ts";
import { endIfInterrupted } from "./interrupt.ts";

export interface ImportOptions {
  reference?: string;
  changes: string[];
  message?: string;
  /** What is not said is this machine's. */
  platform?: Partial<Platform>;
  onProgress(progress: LoadProgress): void;
}

/** @param file "-" is stdin. @returns the id of the image. */
export async function importImage(
  paths: Paths,
  file: string,
  { reference, changes, message, platform, onProgress }: ImportOptions,
): Promise<Digest> {
  if (/^https?:\/\//.test(file))
    throw new UnsupportedError("importing from a URL is not supported", `curl ${file} | tinydocker import -`);
  const path = file === "-" ? "/dev/stdin" : file;
  const id = await makeImage(paths, {
    layer: {
      subject: path,
      async feed(write, staging) {
        const input = openInput(path, `${staging.path}/input`);
        try {
          const range = input.range;
          if (!range) throw new UnsupportedError(`${file} is an OCI layout`, "tinydocker load is for those");
          const totalBytes = range.length;
          let bytes = 0;
          await readCompressed(range, sniffRange(range), {
            stored(chunk) {
              endIfInterrupted();
              bytes += chunk.length;
              onProgress({ layer: 1, ofLayers: 1, bytes, totalBytes });
            },
            content: write,
          });
          endIfInterrupted();
        } finally {
          input.close();
        }
      },
    },
    mayBeEmpty: false,
    ...(platform && { platform }),
    config: (base) => base,
    changes,
    defaults: [defaultPath],
    step: { comment: message ?? `Imported from ${file}` },
    ...(reference !== undefined && { reference }),
  });
  recordEvent(paths, { type: "image", action: "import", id, attributes: { name: reference ?? id } });
  return id;
}
