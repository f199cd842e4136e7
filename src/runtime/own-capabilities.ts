/** The capabilities that we have ourselves. */

import { readFile } from "../linux/file.ts";
import { capabilityNames } from "../oci/capabilities.ts";

/** Capabilities we may hand on. Without root this only serves `explain`, which shows what root would do. */
export function ownCapabilities(): string[] {
  const status = readFile("/proc/self/status");
  const digits = /^CapPrm:\s*([0-9a-f]+)/m.exec(status)![1]!;
  const mine: string[] = [];
  for (let number = 0; number < capabilityNames.length; number++) {
    // Four capabilities to a digit, the last digit first.
    const four = Number.parseInt(digits[digits.length - 1 - (number >> 2)] ?? "0", 16);
    if (four & (1 << (number & 3))) mine.push(capabilityNames[number]!);
  }
  return mine.length === 0 ? [...capabilityNames] : mine;
}
