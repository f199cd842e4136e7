/** A manifest as a client pushes it: what it is, and what it refers to. Pure. */

import { InvalidError, UnsupportedError } from "../../errors.ts";
import { type Digest, digestOf } from "../../oci/digest.ts";
import { fields, object, parseJson, record, text } from "../../oci/json.ts";
import { type Descriptor, type Index, type Manifest, parseManifest } from "../../oci/manifest.ts";
import { manifestTypes } from "../../oci/media-types.ts";
import type { ManifestRecord } from "../repository/records.ts";
import { essenceOf, mediaTypeOf } from "./media-type.ts";
import { Problem } from "./problem.ts";

export interface Pushed {
  parsed: Manifest | Index;
  /** Blobs that have to be here: its configuration and its layers, without those that others give away. */
  needed: Descriptor[];
  record: ManifestRecord;
}

const subject = "the manifest";

/** @throws Problem MANIFEST_INVALID, DIGEST_INVALID */
export function parsePushed(bytes: Uint8Array, contentType: string | null): Pushed {
  try {
    const parsed = parseManifest(bytes, subject);
    const mediaType = checkType(bytes, contentType);
    const more = fields(parseJson(bytes, subject), subject, {
      subject: object,
      annotations: record(text),
      artifactType: text,
    });
    const about = more.subject && subjectOf(more.subject);
    const isIndex = parsed.kind === "index";
    const artifactType = more.artifactType || (isIndex ? "" : parsed.config.mediaType);
    const blobs = isIndex ? [] : [parsed.config, ...parsed.layers];
    return {
      parsed,
      needed: blobs.filter(({ urls }) => !urls?.length),
      record: {
        digest: digestOf(bytes),
        mediaType,
        size: bytes.length,
        blobs: blobs.map(({ digest }) => digest),
        manifests: isIndex ? parsed.manifests.map(({ digest }) => digest) : [],
        ...(about && { subject: about }),
        ...(artifactType && { artifactType }),
        ...(more.annotations && Object.keys(more.annotations).length > 0 && { annotations: more.annotations }),
      },
    };
  } catch (error) {
    if (error instanceof InvalidError || error instanceof UnsupportedError)
      throw new Problem("MANIFEST_INVALID", error.message);
    throw error;
  }
}

/** The types that are taken; a manifest that says its own must be sent as that. */
function checkType(bytes: Uint8Array, contentType: string | null): string {
  const own = mediaTypeOf(bytes) ?? "";
  const sent = essenceOf(contentType ?? own);
  const said = (JSON.parse(new TextDecoder().decode(bytes)) as { mediaType?: unknown }).mediaType;
  if (!manifestTypes.includes(sent))
    throw new InvalidError(`Content-Type ${sent.slice(0, 100)} is none of ${manifestTypes.join(", ")}`);
  if (said !== undefined && said !== sent)
    throw new InvalidError(`its mediaType is ${String(said).slice(0, 100)}, its Content-Type ${sent}`);
  return sent;
}

/** It need not be here, now or ever. */
function subjectOf(value: unknown): Digest {
  const index = { schemaVersion: 2, manifests: [value] };
  const { manifests } = parseManifest(new TextEncoder().encode(JSON.stringify(index)), "subject") as Index;
  return manifests[0]!.digest;
}
