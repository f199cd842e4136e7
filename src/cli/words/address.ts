/** Words that several commands about networks take. */

import { UsageError } from "../../errors.ts";
import { formatAddress, parseMac as macBytes, readAddress } from "../../plan/network/address.ts";
import { hasNames } from "../../plan/network/options.ts";

export const isNetworkName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name);

/** Nobody is found by a name in the default network. */
export function refuseAliases(network: string, aliases: string[]): void {
  if (hasNames(network) || aliases.length === 0) return;
  throw new UsageError(
    `the alias ${aliases[0]}: network ${network} has no names`,
    "aliases are for networks of `tinydocker network create`",
  );
}

/** An address of one family, in its canonical text. */
export function parseIp(option: string, text: string, family: 4 | 6): string {
  const address = readAddress(text);
  if (address?.length === (family === 4 ? 4 : 16)) return formatAddress(address);
  throw new UsageError(`${option}: ${JSON.stringify(text)} is not an address of IPv${family}`);
}

/** A device's name as the kernel takes it (dev_valid_name): up to 15 bytes. */
export function parseDeviceName(option: string, text: string): string {
  if (/^[a-zA-Z0-9_.-]{1,15}$/.test(text) && !/^(\.{1,2}|lo|all|default)$/.test(text)) return text;
  throw new UsageError(`${option}: ${JSON.stringify(text)} is not a valid device name`, "up to 15 of [a-zA-Z0-9_.-]");
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
