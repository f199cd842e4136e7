/** `network create -o NAME=VALUE`: what each driver of networks takes. Pure. */

import { UsageError } from "../../errors.ts";
import type { NewNetwork } from "../../plan/network/new-network.ts";
import type { AskedParent } from "../../plan/network/parent.ts";
import { parseDeviceName, parseIp } from "../words/address.ts";

export const drivers = ["bridge", "macvlan", "ipvlan"] as const;
export type Driver = (typeof drivers)[number];

export type DriverOptions = Pick<NewNetwork, "icc" | "isolate" | "mtu" | "bridge" | "parent" | "rarer">;

/** Names of Docker's for ours. */
const longNames: Record<string, string> = {
  "com.docker.network.driver.mtu": "mtu",
  "com.docker.network.bridge.name": "name",
  "com.docker.network.bridge.enable_icc": "icc",
  "com.docker.network.bridge.enable_ip_masquerade": "masquerade",
  "com.docker.network.bridge.host_binding_ipv4": "host_binding",
  "com.docker.network.container_iface_prefix": "iface_prefix",
  macvlan_mode: "mode",
  ipvlan_mode: "mode",
  ipvlan_flag: "flag",
};

const known: Record<Driver, string[]> = {
  bridge: ["mtu", "name", "icc", "isolate", "masquerade", "host_binding", "iface_prefix"],
  macvlan: ["mtu", "parent", "mode"],
  ipvlan: ["mtu", "parent", "mode", "flag"],
};

/** The first of each is the default. */
const modes = { macvlan: ["bridge", "private", "vepa", "passthru"], ipvlan: ["l2", "l3", "l3s"] };
const flags = ["bridge", "private", "vepa"];

/** What every driver has where nothing is said. */
const apart = { icc: true, isolate: true };

export function parseDriverOptions(driver: Driver, given: Record<string, string>): DriverOptions {
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const short = name.startsWith(driver === "ipvlan" ? "macvlan_" : "ipvlan_") ? name : (longNames[name] ?? name);
    if (!known[driver].includes(short)) throw unknownOption(driver, name);
    options[short] = value;
  }
  const mtu = options.mtu === undefined ? {} : { mtu: parseMtu(options.mtu) };
  if (driver !== "bridge") return { ...apart, ...mtu, parent: parseParent(driver, options) };
  const { name, icc = "true", isolate = "true" } = options;
  return {
    icc: parseBoolean("icc", icc),
    isolate: parseBoolean("isolate", isolate),
    ...mtu,
    ...(name !== undefined && { bridge: parseDeviceName("--opt", name) }),
    ...parseRarer(options),
  };
}

function parseRarer(options: Record<string, string>): Pick<NewNetwork, "rarer"> {
  const { masquerade, host_binding: hostIp, iface_prefix: prefix } = options;
  if (masquerade === undefined && hostIp === undefined && prefix === undefined) return {};
  // A number follows.
  if (prefix !== undefined) parseDeviceName("--opt iface_prefix", `${prefix}999`);
  return {
    rarer: {
      ...(masquerade !== undefined && { masquerade: parseBoolean("masquerade", masquerade) }),
      ...(hostIp !== undefined && { hostIp: parseIp("--opt host_binding", hostIp, 4) }),
      ...(prefix !== undefined && { devicePrefix: prefix }),
    },
  };
}

const unknownOption = (driver: Driver, name: string): UsageError =>
  new UsageError(
    `--opt: ${JSON.stringify(name)} is not supported by the driver ${driver}`,
    `known: ${known[driver].join(", ")}`,
  );

function parseParent(kind: "macvlan" | "ipvlan", options: Record<string, string>): AskedParent {
  const { parent, mode = modes[kind][0]!, flag } = options;
  return {
    kind,
    // As Docker: an empty one is none.
    ...(parent && { device: parent === "lo" ? parent : parseDeviceName("--opt parent", parent) }),
    mode: oneOf(`${kind}_mode`, mode, modes[kind]),
    ...(flag !== undefined && { flag: oneOf("ipvlan_flag", flag, flags) }),
  };
}

function oneOf(name: string, value: string, words: string[]): string {
  if (words.includes(value)) return value;
  throw new UsageError(`--opt: ${name} can't be ${JSON.stringify(value)}`, words.join(", "));
}

function parseBoolean(name: string, text: string): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw new UsageError(`--opt: ${name} is true or false, not ${JSON.stringify(text)}`);
}

/** From what IPv4 needs to what a device takes; IPv6 needs 1280. */
function parseMtu(text: string): number {
  const mtu = Number(text);
  if (/^\d{1,5}$/.test(text) && mtu >= 68 && mtu <= 65535) return mtu;
  throw new UsageError(`--opt: mtu is a number of bytes from 68 to 65535, not ${JSON.stringify(text)}`);
}
