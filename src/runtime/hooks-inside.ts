/** Hooks that run in the namespaces of a container: before it has its root (createContainer), and in front of its program. */

import { owned, readFileIfAny } from "../linux/file.ts";
import { closeAll } from "../linux/poll.ts";
import type { Hook } from "../oci/rare.ts";
import type { Spec } from "../oci/spec.ts";
import type { ExecPlan } from "../plan/exec.ts";
import { planStart } from "../plan/init.ts";
import type { InitStep } from "../plan/init-step.ts";
import { userOf } from "../plan/user.ts";
import { identityIn, type Joined, spawnExec } from "./exec.ts";
import { awaitStart, killInit } from "./follow.ts";
import { argvOf, awaitHook, type HookState, hookFiles, mustSucceed, ownEnvironment, textOf } from "./hooks.ts";

const stdio: InitStep = { do: "stdio", stdio: ["pipe", "pipe", "pipe"] };

/**
 * Runs the createContainer hooks, in their order: with all our privileges, and in the container's namespaces. Paths are the
 * host's: init has not changed its root. @throws Failure for the first that fails
 */
export function runCreateContainerHooks(hooks: readonly Hook[], spec: Spec, state: HookState, joined: Joined): void {
  // Its program is the host's, as root: a variable of the image (LD_PRELOAD) would be code of the image (CVE-2025-23266).
  const env = ownEnvironment();
  for (const hook of hooks) {
    const plan: ExecPlan = {
      user: { uid: 0, gid: 0, groups: [] },
      setup: [{ do: "bind-to-parent" }, stdio, { do: "workdir", path: spec.root.path, existing: true }],
      start: [{ do: "close-fds" }, { do: "reset-signals" }, execute(hook, env)],
    };
    runInside("createContainer", hook, plan, state, joined);
  }
}

/**
 * Runs the startContainer hooks, in their order: they are to the container what its program is going to be, with its user,
 * capabilities and limits, and paths are the container's. @throws Failure for the first that fails
 */
export function runStartContainerHooks(hooks: readonly Hook[], spec: Spec, state: HookState, joined: Joined): void {
  const { process } = spec;
  const place = { id: state.id, directory: state.bundle, status: "created" } as const;
  for (const hook of hooks) {
    const start = planStart(spec, { ...place, outlives: false, reap: false });
    const plan: ExecPlan = {
      user: userOf(spec),
      setup: [{ do: "bind-to-parent" }, stdio, { do: "workdir", path: process.cwd, existing: true }],
      start: start.map((step) => (step.do === "execute" ? execute(hook, process.env) : step)),
    };
    runInside("startContainer", hook, plan, state, joined);
  }
}

/** @param env of a hook that says nothing of its environment. */
const execute = (hook: Hook, env: string[]): InitStep => ({
  do: "execute",
  path: hook.path,
  args: argvOf(hook),
  env: hook.env ?? env,
});

function runInside(
  kind: "createContainer" | "startContainer",
  hook: Hook,
  plan: ExecPlan,
  state: HookState,
  joined: Joined,
): void {
  const files = hookFiles({ ...state, pid: pidInside(joined.pid) });
  try {
    const [stdin, output] = files;
    const starting = spawnExec(joined, plan, identityIn(joined, plan), [stdin, output, output]);
    try {
      awaitStart(starting, { terminal: () => {} });
    } catch (error) {
      killInit(starting);
      throw error;
    }
    using pidfd = owned(starting.child.pidfd);
    const end = awaitHook(pidfd.fd, hook, () => {});
    mustSucceed(kind, hook, { ...end, output: textOf(output) });
  } finally {
    closeAll(files);
  }
}

/** The number of the first process in its own pid namespace. */
function pidInside(pid: number): number {
  const numbers = /^NSpid:\s*(.*)$/m.exec(readFileIfAny(`/proc/${pid}/status`) ?? "")?.[1];
  return Number(numbers?.trim().split(/\s+/).at(-1) ?? pid);
}
