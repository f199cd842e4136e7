/** Namespaces: unshare(2), and the names and links that live in one (uts_namespaces(7), netdevice(7)). */

import { CLONE, type CloneFlag } from "./clone.ts";
import { close, O_RDONLY, open } from "./file.ts";
import { bind, check, cstr, memory } from "./libc.ts";

const libc = bind({
  unshare: ["int", "int"],
  setns: ["int", "int", "int"],
  sethostname: ["int", "ptr", "long"],
  socket: ["int", "int", "int", "int"],
  ioctl: ["int", "int", "long", "ptr"],
});

/** unshare(2) of one namespace; its name is the flag's without CLONE_. */
export const unshare = (flag: "NEWCGROUP" | "NEWNS" | "NEWUTS" | "NEWIPC" | "NEWNET"): void =>
  void check("unshare", flag, libc.unshare(CLONE[flag]));

const CLONE_FS = 0x200;

/** setns(2): enters these namespaces of the process that a pidfd stands for. A pid namespace is entered by our next child. */
export function enterNamespaces(pidfd: number, flags: CloneFlag[]): void {
  // A mount namespace is not entered by who shares its root and current directory with other threads, which we may have.
  check("unshare", "FS", libc.unshare(CLONE_FS));
  const bits = flags.reduce((all, flag) => all | CLONE[flag], 0);
  check("enter", `the namespaces ${flags.join(", ")}`, libc.setns(pidfd, bits));
}

/**
 * Runs something in another network namespace, and comes back. A socket that it opens stays in that one, wherever it is
 * used; /proc/sys/net shows it too. Synchronous, and of this thread: other threads stay where they are.
 * @param namespace a descriptor of `/proc/PID/ns/net`.
 */
export function inNetworkNamespace<Result>(namespace: number, use: () => Result): Result {
  const ours = open("/proc/self/ns/net", O_RDONLY);
  try {
    check("enter", "a network namespace", libc.setns(namespace, CLONE.NEWNET));
    try {
      return use();
    } finally {
      check("return to", "our network namespace", libc.setns(ours, CLONE.NEWNET));
    }
  } finally {
    close(ours);
  }
}

/** sethostname(2). */
export function sethostname(name: string): void {
  const bytes = cstr(name);
  check("set hostname", name, libc.sethostname(bytes, bytes.length - 1));
}

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** Sets `lo` of the current network namespace up, which gives it 127.0.0.1 and ::1. */
export function setLoopbackUp(): void {
  const socket = check("socket", "AF_INET", libc.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0));
  // struct ifreq: 16 bytes of name, then the flags.
  const request = memory(40);
  request.set(cstr("lo"));
  new DataView(request.buffer).setInt16(16, IFF_UP, true);
  try {
    check("set", "lo up", libc.ioctl(socket, SIOCSIFFLAGS, request));
  } finally {
    close(socket);
  }
}
