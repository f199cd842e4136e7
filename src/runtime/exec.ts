/**
 * Another process in a container that runs. A pid namespace is entered by a child only, and nobody inside may find anything of
 * ours in it, so there are two (plan/program/compile-exec.ts):
 *
 *     we -- clone(into the cgroup) --> intermediate process      gives up memory and descriptors, enters all namespaces
 *            intermediate process -- clone(CLONE_PARENT) --> exec process     our own child: becomes the program
 *            intermediate process ends
 */

import { hasCode } from "../errors.ts";
import type { Child, Exit } from "../linux/clone.ts";
import { type Fd, O_DIRECTORY, O_PATH, O_RDONLY, open, owned } from "../linux/file.ts";
import { closeAll, socketpair } from "../linux/poll.ts";
import { sealedExeFile } from "../linux/program/exe-file.ts";
import { launch } from "../linux/program/launch.ts";
import { blockSignals } from "../linux/signal.ts";
import type { ExecPlan } from "../plan/exec.ts";
import { compileExec } from "../plan/program/compile-exec.ts";
import { given } from "../plan/program/context.ts";
import { awaitStart, killInit, type Starting } from "./follow.ts";
import { forwarded } from "./forwarded.ts";
import { compileOptions, givenFor } from "./given.ts";
import { type Identity, identityOf } from "./mount/user.ts";
import { startThrough } from "./start-through.ts";
import type { ConnectedStdio, Owner, Stdio } from "./stdio.ts";
import { checkDelivered, supervise } from "./supervise.ts";

/** The container that is joined: its first process by number and descriptor, and its cgroup v2 directory if it has one. */
export interface Joined {
  pid: number;
  pidfd: Fd;
  cgroup: string | undefined;
}

/** Whom a process is run for, and what its caller is told. */
export interface ExecIo {
  stdio: Stdio;
  callerIsTerminal: boolean;
  detach: boolean;
  /** What leaves it running, at a terminal. */
  detachKeys?: Uint8Array;
  onStarted?: (child: Child) => void;
  onEnded?: (exit: Exit) => void;
}
export type ExecEnd = Exit | "detached" | undefined;

/** Runs another process in a container with the caller's stdio. @returns how it ended; undefined if it was not waited for. */
export function runExec(joined: Joined, plan: ExecPlan, io: ExecIo): ExecEnd {
  blockSignals(forwarded);
  const identity = identityIn(joined, plan);
  const owner = ownerOf(plan, identity);
  const { connectToCaller } = require("./stdio.ts") as typeof import("./stdio.ts");
  const connected = connectToCaller(io.stdio, io.callerIsTerminal, owner, () => {}, undefined, io.detachKeys);
  try {
    const starting = spawnExec(joined, plan, identity, connected.inside);
    closeAll(connected.inside.filter((fd) => fd !== undefined));
    let end: ExecEnd;
    try {
      awaitStart(starting, { terminal: connected.connect });
      end = followExec(starting.child, connected, io);
    } catch (error) {
      killInit(starting);
      throw error;
    }
    return concludeExec(end, connected, io);
  } finally {
    connected.restore();
  }
}

/** Stays with a process that has started until it ends, or its caller leaves. */
export function followExec(child: Child, connected: ConnectedStdio, io: ExecIo): ExecEnd {
  io.onStarted?.(child);
  if (io.detach) return undefined;
  const exit = supervise(child, connected);
  if (exit) return exit;
  const { handOffTerminal } = require("./keep-terminal.ts") as typeof import("./keep-terminal.ts");
  handOffTerminal(connected.terminal!, child.pidfd);
  return "detached";
}

/** @throws what the caller's stdout or stderr answered, if it did not take all. */
export function concludeExec(end: ExecEnd, connected: ConnectedStdio, io: ExecIo): ExecEnd {
  if (end === undefined || end === "detached") return end;
  io.onEnded?.(end);
  checkDelivered(connected);
  return end;
}

/** Who it runs as, by the files of the container as it is now. */
export function identityIn({ pid }: Pick<Joined, "pid">, { user }: Pick<ExecPlan, "user">) {
  using root = owned(open(`/proc/${pid}/root`, O_PATH | O_DIRECTORY));
  return identityOf(root.fd, user);
}

/** Who it runs as, as the host knows it. */
export function ownerOf({ ids }: Pick<ExecPlan, "ids">, identity: Identity): Owner {
  if (!ids) return identity;
  return (require("./userns/ids.ts") as typeof import("./userns/ids.ts")).identityOnHost(ids, identity);
}

/** Makes the two processes. @returns the second, on its way to its program. */
export function spawnExec(
  joined: Joined,
  plan: ExecPlan,
  identity: ReturnType<typeof identityOf>,
  inside: ConnectedStdio["inside"],
  preserved: Fd[] = [],
): Starting {
  const kept = { inside, preserved };
  if (joined.cgroup === undefined) return spawnInto(undefined, joined, plan, identity, kept);
  try {
    return spawnInto(joined.cgroup, joined, plan, identity, kept);
  } catch (error) {
    // It has made cgroups of its own below its own, which may have no processes then: with its first process, as runc does.
    const other = hasCode(error, "EBUSY") ? cgroupOfProcess(joined) : undefined;
    if (other === undefined) throw error;
    return spawnInto(other, joined, plan, identity, kept);
  }
}

function cgroupOfProcess({ pid, cgroup = "" }: Joined): string | undefined {
  const { placeInCgroup } = require("../linux/proc/cgroup.ts") as typeof import("../linux/proc/cgroup.ts");
  const place = placeInCgroup(pid, cgroup);
  return place === undefined ? undefined : cgroup + place;
}

function spawnInto(
  cgroup: string | undefined,
  { pid, pidfd }: Joined,
  plan: ExecPlan,
  identity: ReturnType<typeof identityOf>,
  { inside, preserved }: { inside: ConnectedStdio["inside"]; preserved: Fd[] },
): Starting {
  const steps = [...plan.setup, ...plan.start];
  const program = compileExec(steps, compileOptions(), plan);
  using directory = owned(cgroup === undefined ? undefined : open(cgroup, O_RDONLY | O_DIRECTORY));
  const [ours, other] = socketpair();
  using socket = owned(ours);
  using theirs = owned(other);
  using exe = owned(sealedExeFile());
  const pipes = inside.filter((fd) => fd !== undefined);
  // Nobody inside may find that directory: it leads to the host's files. So the intermediate process starts in the cgroup, and does not have it.
  const launched = launch(program, {
    ...(directory !== undefined && { cgroup: directory.fd }),
    given: {
      ...givenFor(identity, theirs.fd, exe.fd, inside),
      [given.pidfd.name]: pidfd,
    },
    keep: [theirs.fd, exe.fd, pidfd, ...pipes, ...preserved],
  });
  return { ...startThrough(launched, program.pid, steps, socket), first: pid };
}
