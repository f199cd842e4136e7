/**
 * The container's first process: it performs its steps and becomes the program.
 *
 * It runs in a forked copy of tinydocker, so only synchronous system calls are allowed here: the event loop and the
 * thread pool stayed with the parent. Paths are opened from the root's descriptor, never by name (SECURITY R15).
 */

import { hasCode, SyscallError } from "../errors.ts";
import { isOnProc } from "../linux/at.ts";
import { limitBoundingSet, setAmbientCapabilities, setCapabilities } from "../linux/capability.ts";
import { exitNow } from "../linux/clone.ts";
import {
  close,
  fstat,
  mkdirAll,
  O_DIRECTORY,
  O_NOCTTY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  open,
  readAll,
  stat,
  statIfAny,
} from "../linux/file.ts";
import {
  ensureDirectory,
  ensureFile,
  isNullDevice,
  makeDevice,
  makeSymlink,
  openInRoot,
  openInRootIfAny,
} from "../linux/inroot.ts";
import {
  bindToItself,
  chdir,
  cloneMount,
  detach,
  fchdir,
  mount,
  mountSetattr,
  moveMount,
  newMount,
  pivotRoot,
  setPropagation,
} from "../linux/mount.ts";
import { sethostname, setLoopbackUp, unshare } from "../linux/namespace.ts";
import {
  closeOnExecFrom3,
  dup2,
  execve,
  prctl,
  type StringVector,
  setIds,
  setrlimit,
  setsid,
  stringVector,
  umask,
} from "../linux/process.ts";
import { resetSignals, signals } from "../linux/signal.ts";
import { openSlave, setControllingTerminal, setSize } from "../linux/tty.ts";
import { capabilityNumber } from "../oci/capabilities.ts";
import { planBirth } from "../plan/birth.ts";
import type { InitStep } from "../plan/step.ts";
import { copyUp } from "./copyup.ts";
import { spawnAndReap } from "./reap.ts";
import { failure, receive, send } from "./sync.ts";
import { homeOf, type Identity, resolveUser } from "./user.ts";

/** What the steps find and leave for later ones. */
interface Init {
  sync: number;
  /** Descriptors for 0, 1 and 2; absent ones stay what they are. */
  stdio: (number | undefined)[];
  /** The rootfs, open since "open-root". */
  root: number;
  /** The host's /dev/null, for masks. */
  nullDevice: number;
  identity: Identity;
}

/** Unshares what it can, waits for the plan, performs every step of it; reports the first that fails. Never returns. */
export function runInit(sync: number, network: boolean): never {
  const init: Init = {
    sync,
    stdio: [],
    root: -1,
    nullDevice: -1,
    identity: { uid: 0, gid: 0, groups: [], home: "/" },
  };
  let current: InitStep["do"] = "bind-to-parent";
  const perform = (step: InitStep) => {
    current = step.do;
    (performers[step.do] as (step: InitStep, init: Init) => void)(step, init);
  };
  try {
    planBirth(network).forEach(perform);
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

/** Waits for the steps and the descriptors that come with them. */
function takePlan(init: Init): InitStep[] {
  const received = receive(init.sync);
  // No plan: the host's side found a mistake, and says so itself.
  if (received?.message.type !== "plan") exitNow(125);
  const [plan, ...fds] = received.fds as [number, ...number[]];
  init.stdio = received.message.stdio.map((given) => (given ? fds.shift() : undefined));
  return JSON.parse(new TextDecoder().decode(readAll(plan, "the plan")));
}

const performers: { [Kind in InitStep["do"]]: (step: Extract<InitStep, { do: Kind }>, init: Init) => void } = {
  "bind-to-parent": () => {
    bindToParent();
    umask(0o022);
  },
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
  mount: ({ type, source, target, options }, { root }) => {
    const over = ensureDirectory(root, target);
    refuseProc(over, target);
    attach(newMount(type, source, options), over, `${type} on ${target}`);
  },
  bind: bindFromHost,
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
  hostname: ({ name }) => sethostname(name),
  "readonly-path": ({ path }, { root }) =>
    ifPresent(root, path, (fd) => {
      const copy = cloneMount(fd, { recursive: true });
      mountSetattr(copy, ["ro"], { recursive: true }, path);
      moveMount(copy, fd, `read-only ${path}`);
      close(copy);
    }),
  mask,
  "readonly-root": (_step, { root }) => mountSetattr(root, ["ro"], { recursive: false }, "/"),
  "pivot-root": (_step, init) => {
    fchdir(init.root);
    // With new and old root the same directory, the old one lies on top of the new and can be detached unseen.
    pivotRoot(".", ".");
    detach(".");
    chdir("/");
  },
  user: ({ user }, init) => {
    init.identity =
      typeof user === "string" ? resolveUser(init.root, user) : { ...user, home: homeOf(init.root, user.uid) };
  },
  workdir: ({ path }, { root }) => {
    const directory = ensureDirectory(root, path);
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

/** The container dies with its caretaker; and nobody may trace us or open our files while we hold the host's. */
function bindToParent(): void {
  prctl("SET_PDEATHSIG", signals.SIGKILL);
  prctl("SET_DUMPABLE", 0);
}

/**
 * By paths relative to the state root: mount(2) takes one page of options, however long the root's path is, and what the
 * container reads in /proc/self/mountinfo tells nothing of the host.
 */
function mountOverlay({ lower, upper, work, target }: Extract<InitStep, { do: "overlay" }>): void {
  const base = commonDirectory([...lower, upper, work]);
  const relative = (path: string) => path.slice(base.length).replace(/[\\:,]/g, "\\$&");
  chdir(base);
  try {
    const lowerdir = lower.map(relative).join(":");
    mount("overlay", target, "overlay", `lowerdir=${lowerdir},upperdir=${relative(upper)},workdir=${relative(work)}`);
  } catch (error) {
    if (!hasCode(error, "EINVAL")) throw error;
    throw (error as SyscallError).withHint(
      "the state root may lie on a file system that overlayfs can't write to (another overlay, NFS), or inside the image's own directory: choose one with --root",
    );
  }
  chdir("/");
}

/** The deepest directory that all paths have in common, with its slash. */
function commonDirectory(paths: string[]): string {
  const [first = "/"] = paths;
  let base = first.slice(0, first.lastIndexOf("/") + 1);
  while (!paths.every((path) => path.startsWith(base)))
    base = base.slice(0, base.lastIndexOf("/", base.length - 2) + 1);
  return base;
}

/** Attaches a detached mount and closes both descriptors. */
function attach(mountFd: number, over: number, subject: string): void {
  moveMount(mountFd, over, subject);
  close(mountFd);
  close(over);
}

function bindFromHost(step: Extract<InitStep, { do: "bind" }>, { root }: Init): void {
  const { source, target, options, recursive, propagation } = step;
  if (step.createSource) mkdirAll(source, 0o755);
  const from = open(source, O_PATH);
  const over = stat(source).type === "directory" ? ensureDirectory(root, target) : ensureFile(root, target);
  refuseProc(over, target);
  if (step.copyUp) fillVolume(root, step);
  const copy = cloneMount(from, { recursive });
  close(from);
  if (options.length > 0)
    mountSetattr(copy, options, { recursive: recursive && options.includes("ro") }, `${source} on ${target}`);
  mountSetattr(copy, [propagation], { recursive: propagation.startsWith("r") }, `${source} on ${target}`);
  attach(copy, over, `${source} on ${target}`);
}

/** Nothing may lie over /proc or below it, by whatever symbolic links of the image: it is what masks are made on (R18). */
function refuseProc(over: number, target: string): void {
  if (isOnProc(over, target)) throw new SyscallError("mount on", target, "EPERM", "it leads into /proc");
}

function fillVolume(root: number, { source, target }: Extract<InitStep, { do: "bind" }>): void {
  const from = openInRoot(root, target, O_RDONLY | O_DIRECTORY);
  const to = open(source, O_RDONLY | O_DIRECTORY);
  // Files of the image only: not of /sys or another file system that lies there.
  if (fstat(from).device === fstat(root).device) copyUp(from, to, target);
  close(from);
  close(to);
}

/** Covers a file with the null device, a directory with an empty one that nobody can write to. */
function mask({ path }: Extract<InitStep, { do: "mask" }>, { root, nullDevice }: Init): void {
  ifPresent(root, path, (fd) => {
    const isDirectory = fstat(fd).type === "directory";
    const cover = isDirectory
      ? newMount("tmpfs", "tmpfs", ["ro", "nosuid", "nodev", "noexec", "size=0", "nr_inodes=1"])
      : cloneMount(nullDevice, { recursive: false });
    moveMount(cover, fd, `a mask on ${path}`);
    close(cover);
  });
}

/** Calls `use` with the open path; a path that this kernel does not have needs no protection. */
function ifPresent(root: number, path: string, use: (fd: number) => void): void {
  const fd = openInRootIfAny(root, path);
  if (fd === undefined) return;
  use(fd);
  close(fd);
}

/** A pty of the container's own devpts: slave as stdio and /dev/console, master to the host's side. */
function openConsole({ rows, columns }: Extract<InitStep, { do: "console" }>, init: Init): void {
  const master = openInRoot(init.root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
  const { slave } = openSlave(master);
  if (rows !== undefined && columns !== undefined) setSize(master, { rows, columns });
  const over = ensureFile(init.root, "/dev/console");
  const copy = cloneMount(slave, { recursive: false });
  attach(copy, over, "the terminal on /dev/console");
  setControllingTerminal(slave);
  send(init.sync, { type: "console" }, [master]);
  for (const index of [0, 1, 2]) dup2(init.stdio[index] ?? slave, index);
  close(master);
  close(slave);
}

const withHome = (env: string[], { home }: Identity): string[] =>
  env.some((entry) => entry.startsWith("HOME=")) ? env : [...env, `HOME=${home}`];

type Execute = (path: string, argv: StringVector, envp: StringVector) => never;

/** execvp(3) by the PATH of the container's environment. */
function executeByPath(args: string[], env: string[], execute: Execute): never {
  const program = args[0]!;
  if (program === "") throw new SyscallError("execute", '""', "ENOENT", "the command is empty");
  const argv = stringVector(args);
  const envp = stringVector(env);
  if (program.includes("/")) executeFile(program, argv, envp, execute);
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? "/bin:/usr/bin";
  let denied: unknown;
  for (const directory of path.split(":")) {
    try {
      executeFile(`${directory || "."}/${program}`, argv, envp, execute);
    } catch (error) {
      // Like execvp: go on looking, but remember a file that is there and may not be executed.
      if (hasCode(error, "EACCES")) denied = error;
      else if (!hasCode(error, "ENOENT", "ENOTDIR") || error.reason === missingInterpreter) throw error;
    }
  }
  throw denied ?? new SyscallError("execute", program, "ENOENT", `not found in PATH=${path}`);
}

const missingInterpreter = "the file is there, but the interpreter that its #! line or ELF header names is not";

function executeFile(path: string, argv: StringVector, envp: StringVector, execute: Execute): never {
  try {
    execute(path, argv, envp);
  } catch (error) {
    if (!hasCode(error, "ENOENT") || !statIfAny(path)) throw error;
    throw new SyscallError("execute", path, "ENOENT", missingInterpreter);
  }
}
