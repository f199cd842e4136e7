/** SCMP_ACT_NOTIFY of config.json: an agent decides about system calls. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { machineOf, numbersOf } from "../../src/linux/seccomp/architectures.ts";
import { type BundleMachine, isOurs, type Json, runtimeName, test, withBundle } from "../support/bundle.ts";
import { needing, root } from "../support/needs.ts";
import { SeccompAgent } from "../support/seccomp-agent.ts";

/** crun of Debian 12 connects first, and looks at the rules then. */
const testThorough = needing(root, () => (runtimeName === "crun" ? "a runtime that reads the rules first" : undefined));

const numbers = numbersOf(machineOf(process.arch));

const notify = (...names: string[]): Json => ({ names, action: "SCMP_ACT_NOTIFY" });
const profile = (machine: BundleMachine, ...names: string[]): Json => ({
  defaultAction: "SCMP_ACT_ALLOW",
  listenerPath: machine.path("agent"),
  listenerMetadata: "for the agent",
  syscalls: [notify(...names)],
});
const asking = (...names: string[]): Json => ({
  process: { args: ["/bin/probe", "calls", ...names.map((name) => String(numbers.get(name)!))] },
});

/** What the program got of these calls, by name. */
const answersIn = (stdout: string, ...names: string[]): string[] => {
  const all = JSON.parse(stdout) as Record<string, string>;
  return names.map((name) => all[String(numbers.get(name)!)]!);
};

describe("SCMP_ACT_NOTIFY", () => {
  test("has the agent at listenerPath answer with an errno, a value, or what the kernel says; also calls of the runtime's own by then (M137, M140)", async () => {
    await withBundle(async (machine) => {
      const asked = { mkdirat: "errno:42", umask: "value:0", getpgid: "continue", getpriority: "errno:28" };
      const own = ["read", "close", "close_range", "sendmsg", "execve", "exit_group", "fcntl"];
      const rules = { ...Object.fromEntries(own.map((name) => [name, "continue"])), ...asked };
      await using agent = await SeccompAgent.at(machine.path("agent"), rules);
      const names = Object.keys(asked);
      const seccomp = profile(machine, ...Object.keys(rules));
      for (const [noNewPrivileges, uid] of [
        [true, 0],
        [false, 1000],
      ]) {
        const change = { annotations: { of: "box" }, process: { noNewPrivileges, user: { uid, gid: uid } } };
        machine.configure({ linux: { seccomp } }, asking(...names), change);
        const { stdout, stderr, code } = await machine.runtime(["run", "one"]);
        expect([code, stderr]).toEqual([0, ""]);
        // getpgid(-1).
        expect(answersIn(stdout, ...names)).toEqual(["ENOMSG", "ok", "ESRCH", "ENOSPC"]);
        const { state, fds } = await agent.next();
        if (isOurs) await agent.closed();
        expect(fds).toBe(1);
        expect(state.state.pid).toBe(state.pid);
        expect(state).toMatchObject({
          ociVersion: expect.stringMatching(/^\d/),
          fds: ["seccompFd"],
          pid: expect.any(Number),
          metadata: "for the agent",
          state: { id: "one", status: "creating", bundle: machine.bundle, annotations: { of: "box" } },
        });
      }
    });
  });

  test("is told of at 'create', before anybody says start, and of each process of 'exec' beside the container's own", async () => {
    await withBundle(async (machine) => {
      await using agent = await SeccompAgent.at(machine.path("agent"), { mkdirat: "errno:42" });
      machine.configure({ linux: { seccomp: profile(machine, "mkdirat") } }, { process: { args: ["sleep", "1000"] } });
      expect(await machine.create("one")).toEqual({ code: 0, stderr: "" });
      const first = (await agent.next()).state;
      expect(first.state).toMatchObject({ id: "one", status: "creating" });
      expect((await machine.runtime(["start", "one"])).code).toBe(0);
      const words = ["/bin/probe", "calls", String(numbers.get("mkdirat")!)];
      const { stdout, stderr, code } = await machine.runtime(["exec", "one", ...words]);
      expect([code, stderr, answersIn(stdout, "mkdirat")]).toEqual([0, "", ["ENOMSG"]]);
      const { pid, state } = (await agent.next()).state;
      expect(state).toMatchObject({ id: "one", status: "running" });
      expect(pid).not.toBe(first.pid);
      // crun's has none.
      expect([first.pid, ...(runtimeName === "crun" ? [0] : [])]).toContain(state.pid);
      expect((await machine.runtime(["delete", "--force", "one"])).code).toBe(0);
    });
  });

  testThorough(
    "asks for nobody where no rule reports, is refused where no container could start, and fails without an agent",
    async () => {
      await withBundle(async (machine) => {
        const silent = { ...profile(machine), syscalls: [] };
        expect(await machine.sh("echo there", { linux: { seccomp: silent } })).toBe("there");
        for (const seccomp of [profile(machine, "write"), { ...silent, defaultAction: "SCMP_ACT_NOTIFY" }])
          expect(await machine.refusal({ linux: { seccomp } })).toContain("SCMP_ACT_NOTIFY");
        machine.configure({ linux: { seccomp: profile(machine, "mkdirat") } });
        const { code, stderr } = await machine.create("one");
        expect([code === 0, stderr]).toEqual([false, expect.stringContaining(machine.path("agent"))]);
        expect((await machine.runtime(["state", "one"])).code).not.toBe(0);
        if (!isOurs) return;
        expect(stderr).toContain("it has to listen before the container starts");
        const flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", "SECCOMP_FILTER_FLAG_TSYNC"];
        expect(await machine.refusal({ linux: { seccomp: { ...silent, flags } } })).toContain(
          "linux.seccomp.flags has SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
        );
        await using _ = await SeccompAgent.at(machine.path("agent"), { mkdirat: "errno:42" });
        machine.configure({ linux: { seccomp: { ...profile(machine, "mkdirat"), flags } } }, asking("mkdirat"));
        const ran = await machine.runtime(["run", "one"]);
        expect([ran.stderr, answersIn(ran.stdout, "mkdirat")]).toEqual(["", ["ENOMSG"]]);
      });
    },
  );
});
