/**
 * The process that becomes the container's, from its clone to its execve. It runs a program of system calls (plan/program),
 * and nothing of ours is in it: what needs thinking the host's side has done before. What it says on its way: follow.ts.
 */

import { hasCode } from "../errors.ts";
import { type Fd, owned } from "../linux/file.ts";
import { socketpair } from "../linux/poll.ts";
import { sealedExeFile } from "../linux/program/exe-file.ts";
import { type Launched, launch } from "../linux/program/launch.ts";
import type { InitStep } from "../plan/init-step.ts";
import { compileInit } from "../plan/program/compile.ts";
import { given } from "../plan/program/context.ts";
import type { SharedNamespaceType } from "../plan/rare/step.ts";
import type { CloneStep } from "../plan/step.ts";
import { failures, hasExecuted, type Starting, talkOf } from "./follow.ts";
import { compileOptions, givenFor } from "./given.ts";
import type { Identity } from "./mount/user.ts";
import type { ConnectedStdio } from "./stdio.ts";
import type { Ids } from "./userns/ids.ts";

/** What the host's side has made before the clone. */
export interface Prepared {
  /** The root, a detached mount. */
  root: Fd;
  /** Detached mounts by their numbers. */
  binds: Fd[];
  identity: Identity;
  /** Namespaces to be joined. */
  joined?: Partial<Record<SharedNamespaceType, Fd>>;
  /** Its user namespace. */
  ids?: Ids;
  /** What masks are made of, a detached mount; where init may not make it. */
  masks?: Fd;
  /** An open cgroup v2 directory. */
  cgroup?: Fd;
  /** Variables for the program that no plan has: `NAME=value`, after all others. */
  variables?: string[];
  /** What it waits at for `start`. */
  fifo?: Fd;
  /** Descriptors of the caller's that it keeps at their numbers. */
  preserved?: Fd[];
}

/** Clones a container's first process, which sets to work at once. */
export function spawnInit(
  { clone, setup, start: last }: { clone: CloneStep; setup: InitStep[]; start: InitStep[] },
  prepared: Prepared,
  connected: ConnectedStdio,
): Starting {
  const { variables } = prepared;
  const steps = [...setup, ...(variables ? last.map((step) => withVariables(step, variables)) : last)];
  const program = compileInit(steps, compileOptions(), clone);
  const [ours, other] = socketpair();
  using socket = owned(ours);
  using theirs = owned(other);
  using exe = owned(sealedExeFile());
  const { root, binds, identity, cgroup, ids, masks, fifo, preserved = [] } = prepared;
  const { pid: pidNamespace, ...others } = prepared.joined ?? {};
  const mapped = ids && { user: ids.fd, pid: pidNamespace, madeMasks: masks };
  const joined = Object.entries({ ...others, ...mapped }).filter(([, fd]) => fd !== undefined) as [
    keyof typeof others | keyof NonNullable<typeof mapped>,
    Fd,
  ][];
  const pipes = connected.inside.filter((fd) => fd !== undefined);
  const start = () =>
    launch(program, {
      flags: clone.through ? [] : clone.flags.map((flag) => `CLONE_${flag}` as const),
      ...(cgroup !== undefined && { cgroup }),
      given: {
        ...givenFor(identity, theirs.fd, exe.fd, connected.inside),
        [given.root.name]: root,
        ...Object.fromEntries(joined.map(([name, fd]) => [given[name].name, fd])),
        ...Object.fromEntries(binds.map((fd, number) => [given.bind(number).name, fd])),
        ...(fifo !== undefined && created().waitingAt(fifo, theirs.fd)),
      },
      keep: [
        ...[root, theirs.fd, exe.fd, ...binds, ...pipes, ...joined.map(([, fd]) => fd)],
        ...(fifo === undefined ? preserved : [fifo, ...preserved]),
      ],
    });
  if (program.pid) {
    const { startThrough } = require("./start-through.ts") as typeof import("./start-through.ts");
    return startThrough(start(), program.pid, steps, socket);
  }
  const launched = pidNamespace === undefined ? start() : startIn(pidNamespace, start);
  const { assembled, pid, pidfd } = launched;
  return {
    child: { pid, pidfd },
    socket: socket.handOff(),
    ...talkOf(steps),
    failure: () => failures().readFailure(assembled, [assembled.frame, ...assembled.others], steps),
    executed: () => hasExecuted(assembled, [assembled.frame, ...assembled.others]),
    unmap: () => assembled.arena.unmap(),
  };
}

/** In the pid namespace of another container. What does it is loaded for those that share one. */
function startIn(namespace: Fd, start: () => Launched): Launched {
  const { inPidNamespace } = require("../linux/namespace.ts") as typeof import("../linux/namespace.ts");
  try {
    return inPidNamespace(namespace, start);
  } catch (error) {
    // The kernel's word for a namespace whose process 1 has ended.
    if (!hasCode(error, "ENOMEM")) throw error;
    throw error.withHint("the container whose processes are shared (--pid) may have ended in this moment");
  }
}

/** Loaded for those that wait. */
const created = () => require("../plan/program/created.ts") as typeof import("../plan/program/created.ts");

/** A variable once, the last one said wins. */
function withVariables(step: InitStep, variables: string[]): InitStep {
  if (!("env" in step)) return step;
  const nameOf = (entry: string) => entry.split("=", 1)[0]!;
  const env = new Map([...step.env, ...variables].map((entry) => [nameOf(entry), entry]));
  return { ...step, env: [...env.values()] };
}
