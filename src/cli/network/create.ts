/** `tinydocker network create`: a network of its own for some containers. */

import { createNetwork } from "../../engine/network/create.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { formatAddress, isIpv6, readAddress } from "../../plan/network/address.ts";
import type { NewNetwork } from "../../plan/network/new-network.ts";
import { contains, parseSubnet } from "../../plan/network/subnet.ts";
import { isNetworkName } from "../words/address.ts";
import { defineCommand, type Values } from "../words/command.ts";
import { parsePairs } from "../words/pairs.ts";
import { printDone, printLine } from "../words/print.ts";
import { refused } from "../words/refused.ts";
import { type Driver, drivers, parseDriverOptions } from "./driver-options.ts";

const ofSwarms = "is not supported: it is for the networks of a swarm";
const ownOptions = "each network says its own options";

const args = {
  name: { type: "positional", required: true, description: "Network name" },
  driver: {
    type: "string",
    alias: "d",
    valueHint: "bridge|macvlan|ipvlan",
    description: "Network driver (bridge)",
  },
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
  "aux-address": {
    type: "string",
    multiple: true,
    valueHint: "name=address",
    description: "Address in the subnet that containers do not get",
  },
  "ipam-driver": {
    type: "string",
    valueHint: "default",
    description: "How addresses are chosen: default, the only one",
  },
  "ipam-opt": {
    type: "string",
    multiple: true,
    valueHint: "name=value",
    description: "IPAM option, recorded only: the default driver has none",
  },
  attachable: { type: "boolean", description: "Accepted as by Docker: a network of one host always is" },
  "config-only": refused("boolean", ofSwarms, ownOptions),
  "config-from": refused("string", ofSwarms, ownOptions),
  ingress: refused("boolean", ofSwarms),
  scope: refused("string", ofSwarms, "--scope local", { unless: ["", "local"] }),
  internal: { type: "boolean", description: "Create a network without access to the outside" },
  ipv4: { type: "boolean", description: "Enable IPv4 (the default; =false with --ipv6 for IPv6 alone)" },
  ipv6: { type: "boolean", description: "Enable IPv6" },
  opt: {
    type: "string",
    alias: "o",
    multiple: true,
    valueHint: "name=value",
    description: "Driver option: mtu=N; icc=false, isolate=false, name=BRIDGE; parent=DEVICE, mode=MODE",
  },
  label: { type: "string", multiple: true, valueHint: "key=value", description: "Set a label" },
} as const;

export default defineCommand({
  meta: { name: "network create", description: "Create a network" },
  args,
  examples: [
    "tinydocker network create web",
    "tinydocker network create --subnet 10.9.0.0/24 --gateway 10.9.0.254 --internal -o mtu=1400 back",
    "tinydocker network create -d macvlan -o parent=eth0 --subnet 192.0.2.0/24 --ip-range 192.0.2.192/27 lan",
  ],
  run: (values, { root }) => {
    requireRoot("making networks");
    const { id, name } = createNetwork(pathsOf(root), parseNewNetwork(values));
    printDone(`network ${name} is created`, () => printLine(id));
    return 0;
  },
});

/** Every option's value is checked here. */
export function parseNewNetwork(values: Values<typeof args>): NewNetwork {
  const { name, driver = "bridge", ipv4 } = values;
  if (!isDriver(driver))
    throw new UsageError(`--driver: ${JSON.stringify(driver)} is not supported`, drivers.join(", "));
  checkIpamDriver(values["ipam-driver"]);
  if (reserved.includes(name)) throw new UsageError(`${name} is pre-defined: no network can be called so`);
  if (!isNetworkName(name))
    throw new UsageError(`${JSON.stringify(name)} is not a valid network name`, "[a-zA-Z0-9][a-zA-Z0-9_.-]*");
  const options = parsePairs("--opt", values.opt);
  return {
    name,
    subnets: parseSubnets(values, driver),
    ...(ipv4 !== undefined && { ipv4 }),
    ipv6: values.ipv6 ?? values.subnet.some(isIpv6),
    internal: values.internal ?? false,
    ...parseDriverOptions(driver, options),
    labels: parsePairs("--label", values.label),
    options,
    ...(values["ipam-opt"].length > 0 && { ipamOptions: parsePairs("--ipam-opt", values["ipam-opt"]) }),
    ...(values.attachable && { attachable: true }),
  };
}

const isDriver = (name: string): name is Driver => (drivers as readonly string[]).includes(name);

function checkIpamDriver(driver = "default"): void {
  if (driver !== "default")
    throw new UsageError(`--ipam-driver: ${JSON.stringify(driver)} is not supported`, "default, the only one");
}

/** What means something else where a network is asked for. */
const reserved = ["bridge", "host", "none", "default", "container"];

/** Gateways, ranges and auxiliary addresses belong to the subnets that they lie in. */
function parseSubnets(values: Values<typeof args>, driver: Driver): NewNetwork["subnets"] {
  const { subnet, gateway, "ip-range": ranges, "aux-address": auxiliary } = values;
  const subnets: NewNetwork["subnets"] = subnet.map((text) => ({ subnet: checked("--subnet", text) }));
  const families = subnets.map(({ subnet: text }) => isIpv6(text));
  if (driver === "bridge" && new Set(families).size < families.length)
    throw new UsageError(
      "--subnet: one of IPv4 and one of IPv6 at most: a bridge does not support several of one family",
      "macvlan and ipvlan do",
    );
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
  for (const [name, text] of Object.entries(parsePairs("--aux-address", auxiliary))) {
    const address = readAddress(text);
    if (!address) throw new UsageError(`--aux-address: ${JSON.stringify(`${name}=${text}`)} has no valid address`);
    const owner = subnets.find((one) => contains(parseSubnet(one.subnet), address));
    if (!owner) throw new UsageError(`--aux-address: ${text} is in no --subnet`);
    owner.auxiliary = { ...owner.auxiliary, [name]: formatAddress(address) };
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
