/** What people are told of each kind of step: `explain` prints it. */

import { networkDocumentation } from "./network/documentation.ts";
import { type Documentation, rareDocumentation } from "./rare/documentation.ts";
import type { Step } from "./step.ts";
import { systemdDocumentation } from "./systemd/documentation.ts";

/** For each kind of step: the man page to read, why it is there, and what ends it. */
export const documentation: Documentation<Step["do"]> = {
  ...rareDocumentation,
  ...systemdDocumentation,
  ...networkDocumentation,
  "lock-file": {
    man: "flock(2)",
    why: "the id is ours while this lock lives; a lock without owner tells the next command what to clean up",
    undo: "unlink(2)",
  },
  "take-name": {
    man: "open(2)",
    why: "created with O_EXCL: of two containers that want one name exactly one gets it",
    undo: "unlink(2), if the container is not kept",
  },
  directories: {
    man: "mkdir(2)",
    why: "the container's own writable layer, and what is kept about it",
    undo: "unlinkat(2), if the container is not kept",
  },
  "copy-secrets": {
    man: "open(2)",
    why: "copies of the container's own, for root alone: a secret that is changed or removed later is still the same in it",
  },
  "secret-variables": {
    man: "environ(7)",
    why: "read when the program is about to be started: no value of a secret is written into a plan or a record",
  },
  quota: {
    man: "quotactl(2)",
    why: "asked for: what the container writes to its root is bounded, as a project of the file system",
    undo: "quotactl(2), if the container is not kept",
  },
  volume: {
    man: "rename(2)",
    why: "built beside the others and renamed when it is whole: of two containers that want it, one makes it",
    undo: "unlinkat(2), if no program has run with it and nobody else uses it, or it has no name of its own and the container is not kept",
  },
  "mount-volume": {
    man: "mount(2)",
    why: "a file system that all containers with this volume share: the first mounts it, the last takes it away",
    undo: "umount2(2), by the last that uses it",
  },
  remove: {
    man: "unlinkat(2)",
    why: "asked for (--rm): nothing is kept of it",
    undo: "unlinkat(2), when it ends",
  },
  "write-file": { man: "open(2)", why: "the OCI bundle: what this container is, for whoever asks" },
  delegate: { man: "cgroups(7)", why: "a controller limits a cgroup only if each one above it hands it down" },
  "device-filter": {
    man: "bpf(2)",
    why: "a program for the kernel to ask when the container opens or makes a device: what no rule allows is refused",
    undo: "close(2)",
  },
  "attach-device-filter": {
    man: "bpf(2)",
    why: "from now on, for all that is in the cgroup and comes into it, until the cgroup is gone",
  },
  limit: {
    man: "cgroups(7)",
    why: "set last, so that the program is limited from its first instruction and init is not",
  },
  clone: {
    man: "clone(2)",
    why: "one call makes the first process, number 1 of its own pid namespace, already inside its cgroup",
    undo: "cgroup.kill, rmdir(2)",
  },
  cgroup: {
    man: "cgroups(7)",
    why: "all processes of the container are counted and limited together",
    undo: "cgroup.kill, rmdir(2)",
  },
  "user-namespace": {
    man: "user_namespaces(7)",
    why: "root inside is nobody outside: all ids of the container are numbers on the host that nobody else has",
    undo: "close(2)",
  },
  "hold-ids": {
    man: "flock(2)",
    why: "of two containers that want a range of ids exactly one gets it, for as long as its files are there",
    undo: "unlink(2), if the container is not kept",
  },
  "file-system": {
    man: "fsopen(2)",
    why: "what takes root of the host: devices, or a view of a namespace that is not the container's own",
    undo: "close(2)",
  },
  "make-masks": {
    man: "mknod(2)",
    why: "a null device and an empty directory of the container's own; its root may make no devices",
    undo: "close(2)",
  },
  overlay: {
    man: "fsopen(2)",
    why: "the image's layers, shared and never written, below one writable directory; attached nowhere on the host",
    undo: "close(2)",
  },
  "bind-root": { man: "open_tree(2)", why: "pivot_root wants a mount point", undo: "close(2)" },
  "etc-files": {
    man: "hosts(5)",
    why: "the container's own address and name, and whom it asks for names; before anything of the host is mounted",
  },
  user: { man: "passwd(5)", why: "names are resolved by the files of the image, not of the host" },
  bind: { man: "open_tree(2)", why: "a directory or file of the host, to be shown inside", undo: "close(2)" },
  "open-namespace": { man: "setns(2)", why: "asked for: a namespace of another container", undo: "close(2)" },
  "own-memory": {
    man: "munmap(2)",
    why: "nothing of tinydocker is left in the process: not to be read, not to be written, not to be paid for",
  },
  "close-inherited": { man: "close_range(2)", why: "init has the descriptors that its steps name, and no others" },
  "bind-to-parent": {
    man: "prctl(2)",
    why: "if tinydocker is killed the container dies too; nobody may look into init while it holds host descriptors",
  },
  "exe-file": {
    man: "prctl(2)",
    why: "/proc/self/exe is an empty sealed file: nobody inside can open or start our binary (CVE-2019-5736)",
  },
  session: { man: "setsid(2)", why: "no controlling terminal, no job control and no signals from outside" },
  "session-keyring": {
    man: "keyctl(2)",
    why: "a session keyring of its own: keys of the host's user are not the container's",
  },
  outlive: { man: "prctl(2)", why: "from now on the container lives on if its monitor is killed" },
  propagation: { man: "mount_namespaces(7)", why: "mounts of the container must not appear on the host" },
  unshare: { man: "unshare(2)", why: "a namespace of its own" },
  loopback: { man: "netdevice(7)", why: "127.0.0.1 answers, also without a network" },
  "send-network": {
    man: "unix(7)",
    why: "the host's side gets a descriptor of the namespace, to put a device into it",
  },
  "join-namespace": { man: "setns(2)", why: "asked for: a namespace of another container" },
  hostname: { man: "sethostname(2)", why: "visible in this uts namespace only" },
  domainname: { man: "setdomainname(2)", why: "asked for: the NIS domain, visible in this uts namespace only" },
  sysctl: { man: "sysctl(8)", why: "a setting of the kernel, in the container's own namespace" },
  subreaper: { man: "prctl(2)", why: "it is not process 1, and collects its orphans all the same" },
  "attach-root": {
    man: "move_mount(2)",
    why: "every later path is resolved from this descriptor and cannot leave it, whatever symbolic links the image has",
  },
  mount: { man: "move_mount(2)", why: "a file system that the image cannot bring" },
  attach: { man: "move_mount(2)", why: "what the host's side has prepared, put in its place" },
  device: { man: "mknod(2)", why: "a device every program may expect" },
  symlink: { man: "symlink(2)", why: "a name in /dev every program may expect" },
  "readonly-path": { man: "mount_setattr(2)", why: "settings of the whole kernel, to be read only" },
  "prepare-masks": {
    man: "mknod(2)",
    why: "a null device and an empty directory of the container's own: nothing of the host's lies over what is masked",
  },
  mask: { man: "open_tree(2)", why: "tells about the host, or harms it" },
  directory: { man: "mkdir(2)", why: "the working directory, made while the root can still be written to" },
  "readonly-root": { man: "mount_setattr(2)", why: "asked for: nothing below / can be changed" },
  console: {
    man: "pty(7)",
    why: "a terminal of the container's own: the caller's terminal is never handed over",
  },
  stdio: {
    man: "dup(2)",
    why: "pipes made by us, the container's own terminal or null device; what is the caller's only for callers of an OCI runtime",
  },
  "pivot-root": {
    man: "pivot_root(2)",
    why: "the rootfs becomes / and the host's tree is detached: there is nothing left to break out to, unlike with chroot",
  },
  workdir: { man: "chdir(2)", why: "resolved inside the root, never through /proc/self/fd (CVE-2024-21626)" },
  "raise-limits": {
    man: "getrlimit(2)",
    why: "asked for: hard limits above ours, which only root of the host may give",
  },
  "enter-user-namespace": {
    man: "user_namespaces(7)",
    why: "from here on it has every privilege over what the container has, and none on the host; what it makes is the container's",
  },
  "namespace-root": { man: "setresuid(2)", why: "it is root of the container, by the ids of its user namespace" },
  enter: { man: "setns(2)", why: "the namespaces of the container's first process" },
  "enter-pid": { man: "setns(2)", why: "a pid namespace is entered by the next child, so there are two processes" },
  "clone-sibling": {
    man: "clone(2)",
    why: "our own child, in the container's cgroup and pid namespace; the one between us ends",
  },
  "await-hooks": {
    man: "unix(7)",
    why: "asked for: programs of the host look at the container, and change it, before it has its root",
  },
  ready: { man: "unix(7)", why: "all is built: wait until the host's side has set the limits" },
  "reset-attributes": {
    man: "execve(2)",
    why: "what the caller's shell has set (niceness, affinity, OOM score, ...) is not the container's",
  },
  umask: { man: "umask(2)", why: "bits that new files of the program do not get" },
  rlimit: { man: "getrlimit(2)", why: "per-process limits" },
  "bounding-set": { man: "capabilities(7)", why: "what is dropped here no program inside can ever get back" },
  ids: { man: "setresuid(2)", why: "groups first, then group, then user: the other order fails or leaves some" },
  capabilities: { man: "capset(2)", why: "root inside is only a part of root" },
  "find-program": {
    man: "access(2)",
    why: "whoever creates a container is told at once that its program is not there, or may not be executed",
  },
  "close-others": {
    man: "close_range(2)",
    why: "before a filter is asked: nothing that init was given is held until somebody says start",
  },
  "await-start": { man: "fifo(7)", why: "created: the program is executed when somebody says start" },
  "close-fds": { man: "close_range(2)", why: "only stdin, stdout and stderr reach the program" },
  "reset-signals": { man: "signal(7)", why: "a program expects default handlers and an empty mask" },
  "no-new-privileges": {
    man: "prctl(2)",
    why: "asked for: no program inside gains anything by being setuid or by file capabilities",
  },
  seccomp: {
    man: "seccomp(2)",
    why: "the kernel asks this filter before each system call, of the program and of all that it starts; it can't be taken off",
  },
  reap: {
    man: "wait(2)",
    why: "asked for: process 1 stays a small init that forwards signals and collects orphans",
  },
  execute: { man: "execve(2)", why: "init becomes the program" },
};
