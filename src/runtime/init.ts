/**
 * The container's first process: it performs its steps and becomes the program.
 *
 * It runs in a forked copy of tinydocker, so only synchronous system calls are allowed here: the event loop and the
 * thread pool stayed with the parent. Paths are opened from the root's descriptor, never by name (SECURITY R15).
 */

import { SyscallError } from "../errors.ts";
import { limitBoundingSet, setAmbientCapabilities, setCapabilities } from "../linux/capability.ts";
import { exitNow } from "../linux/clone.ts";
import { close, O_DIRECTORY, O_NOCTTY, O_PATH, O_RDONLY, O_RDWR, open, readAll } from "../linux/file.ts";
import { ensureDirectory, ensureFile, isNullDevice, makeDevice, makeSymlink, openInRoot } from "../linux/inroot.ts";
import {
  bindToItself,
  chdir,
  cloneMount,
  detach,
  fchdir,
  mountSetattr,
  pivotRoot,
  setPropagation,
} from "../linux/mount.ts";
import { enterNamespaces, enterNetwork, sethostname, setLoopbackUp, unshare } from "../linux/namespace.ts";
import { closeOnExecFrom3, dup2, execve, prctl, setIds, setrlimit, setsid, umask } from "../linux/process.ts";
import { resetSignals, signals } from "../linux/signal.ts";
import { openSlave, setControllingTerminal, setSize } from "../linux/tty.ts";
import { capabilityNumber } from "../oci/capabilities.ts";
import { planBirth } from "../plan/birth.ts";
import type { InitStep } from "../plan/step.ts";
import { writeEtcFiles } from "./etc-files.ts";
import { executeByPath } from "./execute.ts";
import { spawnAndReap } from "./reap.ts";
import {
  attach,
  bindFromHost,
  makeReadonly,
  mask,
  mountNew,
  mountOverlay,
  mountsToHandOver,
  type PreparedMounts,
  prepareMount,
} from "./rootfs.ts";
import { failure, receive, send } from "./sync.ts";
import { type Identity, identityOf } from "./user.ts";
import { mountVolume } from "./volume-mount.ts";

/** What the steps find and leave for later ones. */
interface Init {
  sync: number;
  /** The first process of the container to enter; -1 if we are it. */
  pidfd: number;
  /** Descriptors for 0, 1 and 2; absent ones stay what they are. */
  stdio: (number | undefined)[];
  /** The rootfs, open since "open-root". */
  root: number;
  /** The host's /dev/null, for masks. */
  nullDevice: number;
  identity: Identity;
  prepared: PreparedMounts;
  /** Mounts that the host's side has made for us. */
  handed: number[];
}

/** Unshares what it can, waits for the plan, performs every step of it; reports the first that fails. Never returns. */
export const runInit = (sync: number, network: boolean): never => performAll(sync, planBirth(network));

function performAll(sync: number, birth: InitStep[], pidfd = -1): never {
  const init: Init = {
    sync,
    pidfd,
    stdio: [],
    root: -1,
    nullDevice: -1,
    identity: { uid: 0, gid: 0, groups: [], home: "/" },
    prepared: new Map(),
    handed: [],
  };
  let current: InitStep["do"] = "bind-to-parent";
  const perform = (step: InitStep) => {
    current = step.do;
    (performers[step.do] as (step: InitStep, init: Init) => void)(step, init);
  };
  try {
    birth.forEach(perform);
    takePlan(init).forEach(perform);
  } catch (error) {
    try {
      send(sync, failure(current, error));
    } catch {
      // Nobody listens any more: the exit code is all that is left to say.
    }
  }
  exitNow(125);
}

/** A process of `exec` (entry.ts): waits for its plan, performs it. Never returns. @param pidfd of the container's first. */
export const runEntered = (sync: number, pidfd: number): never =>
  performAll(sync, [{ do: "bind-to-parent" }, { do: "session" }], pidfd);

/** Waits for the steps and the descriptors that come with them. */
function takePlan(init: Init): InitStep[] {
  const received = receive(init.sync);
  // No plan: the host's side found a mistake, and says so itself.
  if (received?.message.type !== "plan") exitNow(125);
  const [plan, ...fds] = received.fds as [number, ...number[]];
  init.stdio = received.message.stdio.map((given) => (given ? fds.shift() : undefined));
  init.handed = fds;
  return JSON.parse(new TextDecoder().decode(readAll(plan, "the plan")));
}

const performers: { [Kind in InitStep["do"]]: (step: Extract<InitStep, { do: Kind }>, init: Init) => void } = {
  "bind-to-parent": () => {
    bindToParent();
    umask(0o022);
  },
  outlive: () => void prctl("SET_PDEATHSIG", 0),
  session: setsid,
  propagation: ({ path, propagation }) => setPropagation(path, propagation),
  overlay: mountOverlay,
  "bind-root": ({ path }) => bindToItself(path),
  "open-root": ({ path }, init) => {
    init.root = open(path, O_PATH | O_DIRECTORY);
    init.nullDevice = open("/dev/null", O_PATH);
    if (!isNullDevice(init.nullDevice))
      throw new SyscallError("use", "/dev/null of the host", "ENODEV", "it is not the null device");
  },
  "prepare-mount": (step, { prepared }) => prepareMount(step, prepared),
  enter: ({ namespaces }, init) => {
    enterNamespaces(init.pidfd, namespaces);
    close(init.pidfd);
    init.root = open("/", O_PATH | O_DIRECTORY);
  },
  mount: (step, { root, prepared }) => mountNew(step, root, prepared),
  bind: (step, { root, handed }) => bindFromHost(step, root, handed),
  "etc-files": ({ files }, { root }) => writeEtcFiles(files, root),
  unshare: ({ namespace }) => unshare(namespace),
  device: ({ device }, { root }) => makeDevice(root, device.path, device),
  symlink: ({ path, target }, { root }) => makeSymlink(root, path, target),
  console: openConsole,
  stdio: (_step, { stdio }) => {
    stdio.forEach((fd, index) => {
      if (fd !== undefined) dup2(fd, index);
    });
  },
  loopback: setLoopbackUp,
  "send-network": (_step, { sync }) => {
    const namespace = open("/proc/self/ns/net", O_RDONLY);
    send(sync, { type: "network" }, [namespace]);
    close(namespace);
  },
  "join-network": ({ path }) => {
    const namespace = open(path, O_RDONLY);
    enterNetwork(namespace, path);
    close(namespace);
  },
  hostname: ({ name }) => sethostname(name),
  "readonly-path": ({ path }, { root }) => makeReadonly(path, root),
  mask: ({ path }, { root, nullDevice }) => mask(path, root, nullDevice),
  "readonly-root": (_step, { root }) => mountSetattr(root, ["ro"], { recursive: false }, "/"),
  "pivot-root": (_step, init) => {
    fchdir(init.root);
    // With new and old root the same directory, the old one lies on top of the new and can be detached unseen.
    pivotRoot(".", ".");
    detach(".");
    chdir("/");
  },
  user: ({ user }, init) => {
    init.identity = identityOf(init.root, user);
  },
  workdir: ({ path, existing }, { root }) => {
    const directory = existing ? openInRoot(root, path, O_PATH | O_DIRECTORY) : ensureDirectory(root, path);
    fchdir(directory);
    close(directory);
  },
  ready: (_step, { sync }) => {
    send(sync, { type: "ready" });
    // Closed without a go: the host's side failed and said so.
    if (receive(sync)?.message.type !== "go") exitNow(125);
  },
  rlimit: ({ rlimit }) => setrlimit(rlimit.type, rlimit.soft, rlimit.hard),
  "bounding-set": ({ keep }) => limitBoundingSet(keep.map(capabilityNumber)),
  ids: (_step, { identity }) => {
    prctl("SET_KEEPCAPS", 1);
    setIds(identity.uid, identity.gid, identity.groups);
    // A change of user takes both back.
    bindToParent();
  },
  capabilities: ({ capabilities }, { identity }) => {
    const numbers = (names: string[]) => names.map(capabilityNumber);
    const { effective, permitted, inheritable, ambient } = capabilities;
    // What a user other than root would lose at execve anyway is not held for the moment before it.
    const own = identity.uid === 0 ? { effective, permitted } : { effective: ambient, permitted: ambient };
    setCapabilities({
      effective: numbers(own.effective),
      permitted: numbers(own.permitted),
      inheritable: numbers(inheritable),
    });
    setAmbientCapabilities(numbers(ambient));
    prctl("SET_KEEPCAPS", 0);
  },
  "reset-signals": resetSignals,
  "close-fds": closeOnExecFrom3,
  reap: ({ args, env }, { identity }) => executeByPath(args, withHome(env, identity), spawnAndReap),
  execute: ({ args, env }, { identity }) => executeByPath(args, withHome(env, identity), execve),
};

export { mountsToHandOver, mountVolume };

/** The container dies with its caretaker; and nobody may trace us or open our files while we hold the host's. */
function bindToParent(): void {
  prctl("SET_PDEATHSIG", signals.SIGKILL);
  prctl("SET_DUMPABLE", 0);
}

/** A pty of the container's own devpts: slave as stdio and /dev/console, master to the host's side. */
function openConsole({ rows, columns, only }: Extract<InitStep, { do: "console" }>, init: Init): void {
  const master = openInRoot(init.root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
  const { slave } = openSlave(master);
  if (rows !== undefined && columns !== undefined) setSize(master, { rows, columns });
  if (!only) {
    const over = ensureFile(init.root, "/dev/console");
    attach(cloneMount(slave, { recursive: false }), over, "the terminal on /dev/console");
  }
  setControllingTerminal(slave);
  send(init.sync, { type: "console" }, [master]);
  for (const index of [0, 1, 2]) dup2(init.stdio[index] ?? slave, index);
  close(master);
  close(slave);
}

const withHome = (env: string[], { home }: Identity): string[] =>
  env.some((entry) => entry.startsWith("HOME=")) ? env : [...env, `HOME=${home}`];
