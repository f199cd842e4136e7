/** Namespaces: unshare(2) and setns(2) of this thread (namespaces(7)); and the ids that it makes files with. */

import { CLONE } from "./clone.ts";
import { type Fd, O_DIRECTORY, O_PATH, O_RDONLY, open, owned } from "./file.ts";
import { bind, check } from "./libc.ts";
import { fchdir, setPropagation } from "./mount.ts";

const libc = bind({
  unshare: ["int", "int"],
  setns: ["int", "int", "int"],
  setfsuid: ["int", "int"],
  setfsgid: ["int", "int"],
  prctl: ["int", "int", "long", "long", "long", "long"],
});

/** unshare(2) of one namespace; its name is the flag's without CLONE_. */
export const unshare = (flag: "NEWCGROUP" | "NEWNS" | "NEWUTS" | "NEWIPC" | "NEWNET"): void =>
  void check("unshare", flag, libc.unshare(CLONE[flag]));

/**
 * Runs something in a mount namespace of its own, and comes back: nobody else sees what is mounted meanwhile. Synchronous, and
 * of this thread alone. @returns what `use` does, as descriptors outlive the namespace.
 */
export function inOwnMounts<Result>(use: () => Result): Result {
  using ours = owned(open("/proc/self/ns/mnt", O_RDONLY));
  using here = owned(open(".", O_PATH | O_DIRECTORY));
  unshare("NEWNS");
  try {
    setPropagation("/", "rprivate");
    return use();
  } finally {
    // It resets the root and the current directory to the namespace's.
    check("return to", "our mount namespace", libc.setns(ours.fd, CLONE.NEWNS));
    fchdir(here.fd);
  }
}

/** Runs something in another namespace of a kind, and comes back. */
function inNamespace<Result>(kind: "net" | "pid", name: string, namespace: Fd, use: () => Result): Result {
  using ours = owned(open(`/proc/self/ns/${kind}`, O_RDONLY));
  const flag = kind === "net" ? CLONE.NEWNET : CLONE.NEWPID;
  check("enter", `a ${name} namespace`, libc.setns(namespace, flag));
  try {
    return use();
  } finally {
    check("return to", `our ${name} namespace`, libc.setns(ours.fd, flag));
  }
}

/**
 * Runs something in another network namespace, and comes back. A socket that it opens stays in that one, wherever it is
 * used; /proc/sys/net shows it too. Synchronous, and of this thread: other threads stay where they are.
 * @param namespace a descriptor of `/proc/PID/ns/net`.
 */
export const inNetworkNamespace = <Result>(namespace: Fd, use: () => Result): Result =>
  inNamespace("net", "network", namespace, use);

/** A new network namespace, which lives while its descriptor is open, or somebody is in it. */
export function newNetworkNamespace(): Fd {
  using ours = owned(open("/proc/self/ns/net", O_RDONLY));
  unshare("NEWNET");
  try {
    return open("/proc/self/ns/net", O_RDONLY);
  } finally {
    check("return to", "our network namespace", libc.setns(ours.fd, CLONE.NEWNET));
  }
}

/** Runs something whose children are born in another pid namespace. Synchronous, and of this thread alone. */
export const inPidNamespace = <Result>(namespace: Fd, use: () => Result): Result =>
  inNamespace("pid", "pid", namespace, use);

/** Runs something in another mount namespace, where paths lead from its root, and comes back. Synchronous, and of this thread alone. */
export const inMountNamespace = <Result>(namespace: Fd, use: () => Result): Result =>
  inOwnMounts(() => {
    check("enter", "a mount namespace", libc.setns(namespace, CLONE.NEWNS));
    return use();
  });

const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
/** A change of user takes no capabilities away. */
const SECBIT_NO_SETUID_FIXUP = 4;

/**
 * From now on what this thread makes belongs to others, with all its privileges as they are (setfsuid(2), credentials(7)).
 * @returns takes it back.
 */
export function makeFilesAs({ uid, gid }: { uid: number; gid: number }): () => void {
  const before = check("get", "securebits", libc.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
  const set = (bits: number) => check("set", "securebits", libc.prctl(PR_SET_SECUREBITS, bits, 0, 0, 0));
  set(before | SECBIT_NO_SETUID_FIXUP);
  // They return what was before, also where they fail.
  const [group, user] = [libc.setfsgid(gid | 0), libc.setfsuid(uid | 0)];
  return () => {
    libc.setfsuid(user);
    libc.setfsgid(group);
    set(before);
  };
}
