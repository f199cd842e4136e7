/** What `run --network` and `network connect` take alike: rarely used words about one network of a container. Pure. */

import { UsageError } from "../../errors.ts";
import { formatAddress, isLoopback, readAddress } from "../../plan/network/address.ts";
import { deviceOption, sysctlsOption } from "../../plan/network/endpoint.ts";
import { parseDeviceName } from "./address.ts";

/** `--gw-priority N`: of several networks the highest gives the way out. */
export function parseGwPriority(option: string, text: string): number {
  const priority = Number(text);
  if (/^[+-]?\d{1,10}$/.test(text) && Math.abs(priority) < 2 ** 31) return priority;
  throw new UsageError(
    `${option}: ${JSON.stringify(text)} is not a whole number`,
    "the highest wins, and 0 is the default",
  );
}

/** `--link-local-ip ADDRESS`: an address beside the one that the network gives. */
export function parseLinkLocalIp(option: string, text: string): string {
  const address = readAddress(text);
  const isOfHost = address && !isLoopback(address) && address.some((byte) => byte !== 0) && !isGroup(address);
  if (isOfHost) return formatAddress(address);
  throw new UsageError(`${option}: ${JSON.stringify(text)} is not an address that a device can have`, "169.254.3.4");
}

const isGroup = (address: Uint8Array): boolean => (address.length === 4 ? address[0]! >= 224 : address[0] === 0xff);

/** `--driver-opt NAME=VALUE`, into those that were given before. */
export function addDriverOption(option: string, options: Record<string, string>, text: string): Record<string, string> {
  const equals = text.indexOf("=");
  const [name, value] = equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
  const check = driverOptions[name];
  if (!check)
    throw new UsageError(
      `${option}: ${JSON.stringify(name)} is not supported`,
      `known: ${Object.keys(driverOptions).join(", ")}`,
    );
  check(option, value);
  return { ...options, [name]: value };
}

const driverOptions: Record<string, (option: string, value: string) => void> = {
  [deviceOption]: (option, value) => void parseDeviceName(`${option} ${deviceOption}`, value),
  [sysctlsOption]: (option, value) => {
    for (const one of value.split(",")) checkSysctl(`${option} ${sysctlsOption}`, one);
  },
};

/** Only of its own device: what is before and behind that holds no path. */
function checkSysctl(option: string, text: string): void {
  if (/^net\.(ipv4|ipv6|mpls)\.[a-z0-9_]+\.IFNAME\.[a-z0-9_]+=[\w.: /-]*$/.test(text)) return;
  throw new UsageError(
    `${option}: ${JSON.stringify(text)} is not a setting of the device`,
    "as in net.ipv4.conf.IFNAME.forwarding=1",
  );
}
