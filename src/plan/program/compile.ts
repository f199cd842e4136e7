/**
 * From the steps of init to the program of system calls that its process runs (linux/program). Pure: what only the host's
 * side knows, descriptors and ids, is given when the program is assembled.
 */

import { Block, Frame, Label, names, type Program, Slot } from "../../linux/program/record.ts";
import { Writer } from "../../linux/program/writer.ts";
import type { InitStep } from "../init-step.ts";
import type { RareStep } from "../rare/step.ts";
import type { CloneStep } from "../step.ts";
import { type CompileOptions, type Context, cloneArgs, given, newContext } from "./context.ts";
import { exeFile } from "./exe-file.ts";
import { execute } from "./execute.ts";
import {
  bindToParent,
  boundingSet,
  capabilities,
  closeFds,
  ids,
  noNewPrivileges,
  outlive,
  resetAttributes,
  resetSignals,
  rlimit,
  umask,
} from "./identity.ts";
import {
  attachBind,
  attachRoot,
  device,
  mask,
  mount,
  pivotRoot,
  prepareMasks,
  readonlyPath,
  readonlyRoot,
  symlink,
} from "./mounts.ts";
import { ensureDirectory, open, openInRoot } from "./path.ts";
import { seccomp } from "./seccomp.ts";
import { console, fdMessage, sendFd, stdio } from "./terminal.ts";

/** What a process says on the sync socket when only the limits are missing, and what it waits for. */
export const readyByte = "r";

/** Exit code of a process that failed before the program ran. */
const failed = 125;

type Of<Kind> = Extract<InitStep, { do: Kind }>;

type Compile = { [Kind in Exclude<InitStep["do"], RareStep["do"]>]: (context: Context, step: Of<Kind>) => void };

const compilers: Compile = {
  "own-memory": ({ writer }) => writer.operation("own-memory"),
  "close-inherited": ({ writer }) => writer.operation("close-inherited"),
  "bind-to-parent": (context) => {
    bindToParent(context);
    // What we make has exactly the mode that we say.
    umask(context, { do: "umask", mask: 0 });
  },
  "exe-file": exeFile,
  session: ({ writer }) => writer.call("setsid", []),
  "session-keyring": ({ writer }) => {
    writer.about("a session keyring");
    writer.call("keyctl", [names("KEYCTL_JOIN_SESSION_KEYRING"), 0], { ok: ["ENOSYS"] });
  },
  outlive,
  propagation: ({ writer }, { path }) => writer.call("mount", [0, path, 0, names("MS_REC", "MS_SLAVE"), 0]),
  unshare: ({ writer }, { namespace }) => {
    writer.about(namespace);
    writer.call("unshare", [names(`CLONE_${namespace}`)]);
  },
  loopback,
  "send-network": (context) => {
    const { writer } = context;
    const toHost = fdMessage("n");
    const path = "/proc/self/ns/net";
    writer.call("openat", [names("AT_FDCWD"), path, names("O_RDONLY", "O_CLOEXEC")], { into: toHost.fd });
    sendFd(context, toHost);
    // The namespace is not to be kept by us, nor its devices.
    writer.call("close", [toHost.fd]);
  },
  "join-namespace": ({ writer }, { namespace, path }) => {
    writer.about(path);
    writer.call("setns", [given[namespace], names(namespaceFlags[namespace])]);
  },
  "raise-limits": (context, step) => mapped().raiseLimits(context, step),
  "enter-user-namespace": (context) => mapped().enterUserNamespace(context),
  "namespace-root": (context) => mapped().namespaceRoot(context),
  hostname: ({ writer }, { name }) => {
    writer.about(name);
    writer.call("sethostname", [name, new TextEncoder().encode(name).length]);
  },
  domainname: ({ writer }, { name }) => {
    writer.about(name);
    writer.call("setdomainname", [name, new TextEncoder().encode(name).length]);
  },
  sysctl: (context, step) => settings().sysctl(context, step),
  subreaper: ({ writer }) => writer.call("prctl", [names("PR_SET_CHILD_SUBREAPER"), 1]),
  "attach-root": attachRoot,
  mount,
  attach: attachBind,
  device,
  symlink,
  "readonly-path": readonlyPath,
  "prepare-masks": prepareMasks,
  mask,
  directory: (context, { path }) => void ensureDirectory(context, path),
  "readonly-root": readonlyRoot,
  console,
  stdio,
  "pivot-root": pivotRoot,
  workdir: (context, { path, existing }) => {
    const directory = existing ? openInRoot(context, path, open.directory) : ensureDirectory(context, path);
    context.writer.about(path);
    context.writer.call("fchdir", [directory]);
  },
  enter: (context, { namespaces }) => {
    const { writer } = context;
    writer.about(`the namespaces ${namespaces.join(", ")}`);
    writer.call("setns", [given.pidfd, names(...namespaces.map((name) => `CLONE_${name}` as const))]);
    const flags = names("O_PATH", "O_DIRECTORY", "O_CLOEXEC");
    context.root = writer.into("root", "openat", [names("AT_FDCWD"), "/", flags]);
  },
  "await-hooks": (context) => sayAndWait(context, "h"),
  ready: (context) => sayAndWait(context, readyByte),
  "reset-attributes": resetAttributes,
  umask,
  rlimit,
  "bounding-set": boundingSet,
  ids,
  capabilities,
  "find-program": (context, step) => created().findProgram(context, step),
  "close-others": (context, step) => created().closeOthers(context, step),
  "await-start": (context, step) => created().awaitStart(context, step),
  "close-fds": closeFds,
  "reset-signals": resetSignals,
  "no-new-privileges": noNewPrivileges,
  seccomp,
  reap: (context, step) => reaping().reap(context, step),
  execute,
};

/** Goes on when the host's side says so, and ends where it has given up. */
function sayAndWait({ writer, gone }: Context, byte: string): void {
  const answer = new Block("go", { room: 8 });
  const got = new Slot("got");
  writer.about("the host's side");
  writer.call("write", [given.sync, byte, 1]);
  writer.call("read", [given.sync, answer, 1], { into: got });
  writer.test(got, -1, 1, gone);
}

const namespaceFlags = {
  network: "CLONE_NEWNET",
  ipc: "CLONE_NEWIPC",
  pid: "CLONE_NEWPID",
  uts: "CLONE_NEWUTS",
  cgroup: "CLONE_NEWCGROUP",
  mount: "CLONE_NEWNS",
  time: "CLONE_NEWTIME",
} as const;

/**
 * The program of a container's first process; where that is made by another, of both.
 * @returns with `pid` where the first is made by another: where its number stands.
 */
export function compileInit(
  steps: readonly InitStep[],
  options: CompileOptions,
  { flags, through }: Pick<CloneStep, "flags" | "through"> = { flags: [] },
): Program & { pid?: Slot } {
  const { context, writer } = begin(options);
  const entry = writer.label();
  let pid: Slot | undefined;
  if (through) {
    compileSteps(context, through);
    pid = sibling(
      context,
      flags.map((flag) => `CLONE_${flag}` as const),
    );
  }
  compileSteps(context, steps);
  return { ...writer.program(entry, new Frame(context.fail)), log: context.fsLog, ...(pid && { pid }) };
}

/** The process makes another child of its parent, and ends; the records from here on are the other's. */
export function sibling(context: Context, more: readonly "CLONE_NEWPID"[] = []): Slot {
  const { writer } = context;
  writer.step("clone-sibling", "a sibling");
  const pid = new Slot("pid");
  const second = new Frame(context.fail);
  const args = cloneArgs(names("CLONE_PARENT", "CLONE_CLEAR_SIGHAND", ...more));
  const program = new Label();
  writer.clone(args, program, second, { into: pid });
  writer.call("exit_group", [0]);
  writer.label(program);
  context.freeStack = given.firstStack;
  return pid;
}

/** The end that all failures have: what the kernel said of a file system is read, for the other side to tell. */
export function begin(options: CompileOptions): { context: Context; writer: Writer } {
  const writer = new Writer();
  const context = newContext(writer, options);
  writer.step("fail");
  writer.label(context.fail);
  writer.call("read", [context.fsContext, context.fsLog, 1000]);
  writer.label(context.gone);
  writer.call("exit_group", [failed]);
  // A filter may refuse even that. There is nothing to come back to: it ends by a signal.
  writer.operation("return", [failed]);
  return { context, writer };
}

export function compileSteps(context: Context, steps: readonly InitStep[]): void {
  for (const step of steps) {
    context.writer.step(step.do);
    const compile = step.do in compilers ? compilers[step.do as keyof Compile] : rare().rareCompilers[step.do as never];
    (compile as (context: Context, step: InitStep) => void)(context, step);
  }
}

/** Loaded for those who ask for some. */
const reaping = () => require("./reap.ts") as typeof import("./reap.ts");
const created = () => require("./created.ts") as typeof import("./created.ts");

/** Loaded for the first process of a container, and not for exec. */
const settings = () => require("./sysctl.ts") as typeof import("./sysctl.ts");

const mapped = () => require("./userns.ts") as typeof import("./userns.ts");

const rare = () => require("./rare.ts") as typeof import("./rare.ts");

const IFF_UP = 1;

/** `lo` up gives it 127.0.0.1 and ::1. */
function loopback({ writer }: Context): void {
  // struct ifreq: 16 bytes of name, then the flags.
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode("lo"));
  request[16] = IFF_UP;
  writer.about("lo up");
  const socket = writer.into("socket", "socket", [names("AF_INET"), names("SOCK_DGRAM", "SOCK_CLOEXEC"), 0]);
  writer.call("ioctl", [socket, names("SIOCSIFFLAGS"), new Block("ifreq", { bytes: request })]);
}
