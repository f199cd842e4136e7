/** `tinydocker network create`: a network of its own for some containers. */

import { createNetwork } from "../../engine/network/create.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { isIpv6, readAddress } from "../../plan/address.ts";
import type { NewNetwork } from "../../plan/new-network.ts";
import { contains, parseSubnet } from "../../plan/subnet.ts";
import { isNetworkName, parseDeviceName } from "../words/address.ts";
import { defineCommand, type Values } from "../words/command.ts";
import { parsePairs } from "../words/pairs.ts";
import { printLine } from "../words/print.ts";

const args = {
  name: { type: "positional", required: true, description: "Network name" },
  driver: { type: "string", alias: "d", valueHint: "bridge", description: "Network driver: bridge, the only one" },
  subnet: {
    type: "string",
    multiple: true,
    valueHint: "cidr",
    description: "Subnet in CIDR notation (one that is free)",
  },
  gateway: {
    type: "string",
    multiple: true,
    valueHint: "address",
    description: "Address of the host in the subnet (the first)",
  },
  "ip-range": {
    type: "string",
    multiple: true,
    valueHint: "cidr",
    description: "Part of the subnet that container addresses come from",
  },
  internal: { type: "boolean", description: "Create a network without access to the outside" },
  ipv6: { type: "boolean", description: "Enable IPv6" },
  opt: {
    type: "string",
    alias: "o",
    multiple: true,
    valueHint: "name=value",
    description: "Driver option: mtu=N, icc=false, isolate=false, or the name of the bridge",
  },
  label: { type: "string", multiple: true, valueHint: "key=value", description: "Set a label" },
} as const;

export default defineCommand({
  meta: { name: "network create", description: "Create a network" },
  args,
  examples: [
    "tinydocker network create web",
    "tinydocker network create --subnet 10.9.0.0/24 --gateway 10.9.0.254 --internal -o mtu=1400 back",
  ],
  run: (values, { root }) => {
    requireRoot("making networks");
    printLine(createNetwork(pathsOf(root), parseNewNetwork(values)).id);
    return 0;
  },
});

/** Every option's value is checked here. */
export function parseNewNetwork(values: Values<typeof args>): NewNetwork {
  const { name, driver = "bridge" } = values;
  if (driver !== "bridge") throw new UsageError(`--driver: ${JSON.stringify(driver)} is not supported`, "bridge");
  if (!isNetworkName(name) || reserved.includes(name))
    throw new UsageError(
      `${JSON.stringify(name)} is not a valid network name`,
      "[a-zA-Z0-9][a-zA-Z0-9_.-]*, and no mode",
    );
  const options = parsePairs("--opt", values.opt);
  return {
    name,
    subnets: parseSubnets(values),
    ipv6: values.ipv6 ?? values.subnet.some(isIpv6),
    internal: values.internal ?? false,
    ...parseOptions(options),
    labels: parsePairs("--label", values.label),
    options,
  };
}

/** What means something else where a network is asked for. */
const reserved = ["bridge", "host", "none", "default", "container"];

/** Gateways and ranges belong to the subnets that they lie in. */
function parseSubnets({ subnet, gateway, "ip-range": ranges }: Values<typeof args>): NewNetwork["subnets"] {
  const subnets: NewNetwork["subnets"] = subnet.map((text) => ({ subnet: checked("--subnet", text) }));
  const families = subnets.map(({ subnet: text }) => isIpv6(text));
  if (new Set(families).size < families.length)
    throw new UsageError("--subnet: one of IPv4 and one of IPv6 at most", "several of one family are not supported");
  for (const text of gateway) {
    const address = readAddress(text);
    if (!address) throw new UsageError(`--gateway: ${JSON.stringify(text)} is not a valid address`);
    const owner = subnets.find((one) => contains(parseSubnet(one.subnet), address));
    if (!owner) throw new UsageError(`--gateway: ${text} is in no --subnet`);
    if (owner.gateway !== undefined) throw twice("gateways", owner.gateway, text, owner.subnet);
    owner.gateway = text;
  }
  for (const text of ranges) {
    const range = parseSubnet(checked("--ip-range", text));
    const owner = subnets.find(
      (one) => contains(parseSubnet(one.subnet), range.address) && range.bits >= parseSubnet(one.subnet).bits,
    );
    if (!owner) throw new UsageError(`--ip-range: ${text} is in no --subnet`);
    if (owner.range !== undefined) throw twice("ranges", owner.range, text, owner.subnet);
    owner.range = text;
  }
  return subnets;
}

/** In Docker's words. */
const twice = (what: string, one: string, other: string, subnet: string): UsageError =>
  new UsageError(`cannot configure multiple ${what} (${one}, ${other}) for the same subnet (${subnet})`);

/** A subnet that has room for a gateway and a container. */
function checked(option: string, text: string): string {
  try {
    const { address, bits } = parseSubnet(text);
    if (option === "--subnet" && address.length * 8 - bits < 2)
      throw new UsageError(`${text} has no room for a container`);
    return text;
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${option}: ${error.message}`, error.hint);
    throw error;
  }
}

const longNames: Record<string, string> = {
  "com.docker.network.driver.mtu": "mtu",
  "com.docker.network.bridge.name": "name",
  "com.docker.network.bridge.enable_icc": "icc",
};
const known = ["mtu", "name", "icc", "isolate"];

function parseOptions(given: Record<string, string>): Pick<NewNetwork, "icc" | "isolate" | "mtu" | "bridge"> {
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const short = longNames[name] ?? name;
    if (!known.includes(short))
      throw new UsageError(`--opt: ${JSON.stringify(name)} is not supported`, `known: ${known.join(", ")}`);
    options[short] = value;
  }
  const { mtu, name, icc = "true", isolate = "true" } = options;
  return {
    icc: parseBoolean("icc", icc),
    isolate: parseBoolean("isolate", isolate),
    ...(mtu !== undefined && { mtu: parseMtu(mtu) }),
    ...(name !== undefined && { bridge: parseDeviceName("--opt", name) }),
  };
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
