/** Words that several commands about networks take. */

import { UsageError } from "../../errors.ts";
import { formatAddress, parseMac as macBytes, readAddress } from "../../plan/address.ts";

export const isNetworkName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name);

/** An address of one family, in its canonical text. */
export function parseIp(option: string, text: string, family: 4 | 6): string {
  const address = readAddress(text);
  if (address?.length === (family === 4 ? 4 : 16)) return formatAddress(address);
  throw new UsageError(`${option}: ${JSON.stringify(text)} is not an address of IPv${family}`);
}

/** A MAC that one device can have, in lower case. */
export function parseMac(option: string, text: string): string {
  try {
    macBytes(text);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${option}: ${error.message}`, error.hint);
    throw error;
  }
  return text.toLowerCase();
}
