/** A described object with what JSON has where Go's lists and maps are not there; maps stay maps. */

import { asJson } from "../../src/nil.ts";

// biome-ignore lint/suspicious/noExplicitAny: the shape is the test's claim
export function inJson(value: unknown): any {
  if (typeof value !== "object" || value === null) return value;
  if (asJson in value) return value[asJson];
  if (Array.isArray(value)) return value.map(inJson);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, inJson(item)]));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inJson(item)]));
}
