/** Internet addresses as text and as bytes (RFC 4291, RFC 5952). Pure. */

/** The 4 bytes of an IPv4 address or the 16 of an IPv6 one; undefined for anything else, also for octets like `010`. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const octets = text.split(".");
  if (octets.length !== 4 || !octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256))
    return undefined;
  return Uint8Array.from(octets, Number);
}

function parseIpv6(text: string): Uint8Array | undefined {
  // The last two groups may be written as an IPv4 address.
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const octets = parseIpv4(dotted[2]!);
    if (!octets) return undefined;
    const group = (at: number): string => ((octets[at]! << 8) | octets[at + 1]!).toString(16);
    return parseIpv6(`${dotted[1]}${group(0)}:${group(2)}`);
  }
  const sides = text.split("::");
  if (sides.length > 2) return undefined;
  const [before, after] = sides.map((side) => (side === "" ? [] : side.split(":")));
  const given = before!.length + (after?.length ?? 0);
  // "::" stands for one group at least.
  if (after ? given > 7 : given !== 8) return undefined;
  const groups = [...before!, ...new Array<string>(8 - given).fill("0"), ...(after ?? [])];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  );
}

/** The one way to write an address: lower case, without leading zeros, the longest run of zero groups as "::". */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index]! << 8) | bytes[2 * index + 1]!);
  const words = groups.map((group) => group.toString(16));
  const { at, length } = longestZeros(groups);
  if (length < 2) return words.join(":");
  return `${words.slice(0, at).join(":")}::${words.slice(at + length).join(":")}`;
}

function longestZeros(groups: number[]): { at: number; length: number } {
  let longest = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > longest.length) longest = { at, length };
  }
  return longest;
}

/** True for 127.0.0.0/8 and ::1. */
export function isLoopback(bytes: Uint8Array): boolean {
  return bytes.length === 4 ? bytes[0] === 127 : formatAddress(bytes) === "::1";
}
