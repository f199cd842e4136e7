/** A bundle's JSON, which has numbers of 64 bits: more than JavaScript's can hold. Pure. */

import { isBits64 } from "../../oci/seccomp.ts";

/** TypeScript does not know it yet. */
const rawJson = (JSON as unknown as { rawJSON(digits: string): unknown }).rawJSON;

/** RLIM_INFINITY, which our own numbers have as 2^64. */
const infinity = "18446744073709551615";

/** The text of a config.json or process.json for whoever reads it as the specification has it. */
export const formatBundle = (value: unknown): string =>
  JSON.stringify(value, (key, one: unknown) => {
    if (one === 2 ** 64) return rawJson(infinity);
    return typeof one === "string" && isBits64(key) && /^\d+$/.test(one) ? rawJson(one) : one;
  });
