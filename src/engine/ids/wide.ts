/** Ids above 65535 that an image has owners of, as its layers were described when they were extracted (image/layer.ts). */

import { readFileIfAny } from "../../linux/file.ts";

/**
 * @param layers directories of the store, `l/SHORT`; what is none of those has none.
 * @returns first ids of ranges of 65536
 */
export function wideIdsOf(layers: readonly string[]): number[] {
  const found = layers.flatMap((path) => {
    // Reading records takes code that a start does not need otherwise, and a list of numbers is a list of numbers.
    const [, list = ""] = /"wideIds":\s*\[([\d,\s]*)\]/.exec(readFileIfAny(`${path}/../meta.json`) ?? "") ?? [];
    return list.match(/\d+/g) ?? [];
  });
  return [...new Set(found.map(Number))];
}
