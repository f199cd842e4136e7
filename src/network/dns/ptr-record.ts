/** The names under which addresses are looked up backwards (RFC 1035 3.5, RFC 3596 2.5). */

import { formatAddress, readAddress } from "../../plan/network/address.ts";

const ipv4 = /^((?:\d{1,3}\.){4})in-addr\.arpa$/;
const ipv6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/;

/** `2.0.201.10.in-addr.arpa` is about 10.201.0.2; undefined for other names. @param name in lower case. */
export function addressOfPtrName(name: string): string | undefined {
  const octets = ipv4.exec(name)?.[1];
  if (octets) {
    const address = octets.split(".").reverse().slice(1).join(".");
    return readAddress(address) && address;
  }
  const nibbles = ipv6.exec(name)?.[1]?.split(".").reverse().join("");
  if (!nibbles) return undefined;
  return formatAddress(
    Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(nibbles.slice(2 * at, 2 * at + 2), 16)),
  );
}
