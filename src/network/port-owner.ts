/** Which process has a port: /proc/net has the sockets (proc_pid_net(5)), /proc/PID/fd who holds them. */

import { hasCode } from "../errors.ts";
import { readdir } from "../linux/directory.ts";
import { readFileIfAny } from "../linux/file.ts";
import { readlinkIfAny } from "../linux/names.ts";
import { allProcesses, readStat, readWords } from "../linux/procfs.ts";
import { formatAddress } from "../plan/network/address.ts";
import type { Protocol } from "../plan/network/network.ts";

/** The process that keeps others from an address and port, if it is to be found. */
export function findPortOwner(
  protocol: Protocol,
  ip: string,
  port: number,
): { pid: number; command: string } | undefined {
  const inodes = new Set(
    [protocol, `${protocol}6`].flatMap((name) =>
      parseSockets(readFileIfAny(`/proc/self/net/${name}`) ?? "")
        .filter((socket) => socket.port === port && collides(socket.ip, ip))
        .map(({ inode }) => `socket:[${inode}]`),
    ),
  );
  if (inodes.size === 0) return undefined;
  const pid = allProcesses().find((one) => filesOf(one).some((file) => inodes.has(file)));
  return pid === undefined ? undefined : { pid, command: readWords(pid)[0] ?? readStat(pid)?.name ?? "?" };
}

/** What its descriptors are, as links say; it may end at any moment, and not be ours to look at. */
function filesOf(pid: number): string[] {
  try {
    const directory = `/proc/${pid}/fd`;
    return (readdir(directory) ?? []).flatMap((fd) => readlinkIfAny(`${directory}/${fd}`) ?? []);
  } catch (error) {
    if (hasCode(error, "ESRCH", "EACCES")) return [];
    throw error;
  }
}

const wildcards = ["0.0.0.0", "::"];

/** One of all addresses is in the way of every other; that one of `::` may be for IPv4 too is not told. */
const collides = (there: string, wanted: string): boolean =>
  there === wanted || wildcards.includes(there) || (wildcards.includes(wanted) && family(there) === family(wanted));

const family = (ip: string): boolean => ip.includes(":");

/** A line of /proc/net/tcp and its like: `0: 0100007F:0035 00000000:0000 0A ... inode`. */
interface OpenSocket {
  ip: string;
  port: number;
  inode: string;
}

/** TCP_LISTEN, and what udp sockets are that are not connected. */
const states = ["0A", "07"];

/** The sockets that wait for somebody. */
export function parseSockets(text: string): OpenSocket[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [address = "", port = ""] = fields[1]?.split(":") ?? [];
      const ip = parseHex(address);
      if (!ip || !states.includes(fields[3]!)) return [];
      return [{ ip, port: Number.parseInt(port, 16), inode: fields[9]! }];
    });
}

/** The kernel writes each four bytes of an address as a number of this machine, which is little-endian. */
function parseHex(text: string): string | undefined {
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(text)) return undefined;
  const bytes = Array.from({ length: text.length / 2 }, (_, index) => {
    const at = (index & ~3) + 3 - (index & 3);
    return Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  });
  return formatAddress(Uint8Array.from(bytes));
}
