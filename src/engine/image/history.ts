/** The history of an image beside the layers that its steps made. */

import { NotFoundError } from "../../errors.ts";
import { knownLayers } from "../../image/record.ts";
import { findImage, type Image } from "../../image/store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";

/** One step of making an image. */
export interface HistoryStep {
  /** Only the last step's result is an image of its own. */
  id?: Digest;
  /** RFC 3339. */
  created?: string;
  createdBy: string;
  /** Bytes of the layer it made; 0 for a step that made none. */
  sizeBytes: number;
  comment: string;
}

/** The newest first, as Docker's. @param check throws for an image that is not wanted. @throws NotFoundError */
export function imageHistory(
  paths: Paths,
  reference: string,
  check: (name: string, image: Image["config"]) => void = () => {},
): HistoryStep[] {
  const image = findImage(paths, reference);
  if (!image) throw new NotFoundError(`no such image: ${reference}`, "tinydocker images lists the images there are");
  check(reference, image.config);
  const layers = knownLayers(paths, image.id).map(({ sizeBytes }) => sizeBytes);
  const history = image.config.history ?? [];
  const steps: HistoryStep[] = history.map(({ created, created_by = "", comment = "", empty_layer }) => ({
    ...(created !== undefined && { created }),
    createdBy: created_by,
    sizeBytes: empty_layer ? 0 : (layers.shift() ?? 0),
    comment,
  }));
  // A history is optional, and may tell of fewer layers than there are.
  for (const sizeBytes of layers) steps.push({ createdBy: "", sizeBytes, comment: "" });
  const last = steps.at(-1);
  if (last) last.id = image.id;
  return steps.reverse();
}
