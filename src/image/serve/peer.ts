/**
 * Whose process is at the other end of a connection from this machine: without passwords only root may change what root keeps.
 * @see https://docs.kernel.org/networking/proc_net_tcp.html
 */

import { readFileIfAny } from "../../linux/file.ts";

/** The user id that owns the socket at this address; undefined if there is none of this machine. */
export function ownerOf(host: string, port: number): number | undefined {
  const wanted = host.includes(":") ? hexOf6(host) : hexOf4(host);
  const digits = port.toString(16).toUpperCase().padStart(4, "0");
  for (const [file, address] of tables(wanted)) {
    for (const line of readFileIfAny(file)?.split("\n") ?? []) {
      const fields = line.trim().split(/\s+/);
      if (fields[1] === `${address}:${digits}`) return Number(fields[7]);
    }
  }
  return undefined;
}

/** An IPv4 client of a socket for both stands in the table of either, as it made its own. */
const tables = (address: string): [file: string, address: string][] =>
  address.length === 8
    ? [
        ["/proc/net/tcp", address],
        ["/proc/net/tcp6", `0000000000000000FFFF0000${address}`],
      ]
    : [
        ["/proc/net/tcp6", address],
        ...(address.startsWith("0000000000000000FFFF0000")
          ? [["/proc/net/tcp", address.slice(24)] as [string, string]]
          : []),
      ];

/** In words of 32 bits, each as this machine has it in memory: the bytes from the last to the first. */
const hexOf4 = (host: string): string => wordsOf(host.split(".").map(Number));

function hexOf6(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped) return `0000000000000000FFFF0000${hexOf4(mapped)}`;
  const [before = "", after] = host.split("::");
  const parts = (text: string) => (text === "" ? [] : text.split(":").map((part) => Number.parseInt(part, 16)));
  const [first, last] = [parts(before), after === undefined ? [] : parts(after)];
  const groups = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return wordsOf(groups.flatMap((group) => [group >> 8, group & 255]));
}

function wordsOf(bytes: number[]): string {
  const hex = bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, "0"));
  let words = "";
  for (let at = 0; at < hex.length; at += 4)
    words += hex
      .slice(at, at + 4)
      .toReversed()
      .join("");
  return words;
}
