import { describe, expect, test } from "bun:test";
import { errnos } from "../../src/linux/errno.ts";
import { type Arg, Block, Names, type Program, type Rec, Slot } from "../../src/linux/program/record.ts";
import { planExec } from "../../src/plan/exec.ts";
import type { InitStep } from "../../src/plan/init-step.ts";
import { compileInit } from "../../src/plan/program/compile.ts";
import { compileExec } from "../../src/plan/program/compile-exec.ts";
import { type Answer, interpret } from "../support/fake-kernel.ts";
import { aPlan, aSpec, initSteps } from "../support/plans.ts";

const options = { ignoredSignals: [13, 25], lastCapability: 40 };
const binds = [
  { destination: "/data/below", source: "/s", type: "bind" },
  { destination: "/t", type: "tmpfs", options: ["size=1m", "ro"] },
];
const everything = initSteps(
  aPlan({ terminal: true, terminalSize: { rows: 24, columns: 80 }, readOnly: true, mounts: binds, workdir: "/a/b" }),
);
const withPipes = initSteps(aPlan({ mounts: binds }, { outlives: true, stdio: ["null", "pipe", "pipe"] }));
const asInit = initSteps(aPlan({}, { reap: true }));
const exec = planExec(
  aSpec(),
  { command: ["true"], env: [], terminal: true, privileged: false, detach: true },
  ["terminal", "terminal", "pipe"],
  [],
  { id: "one", directory: "/b" },
);

const programs: [name: string, program: Program, steps: InitStep[]][] = [
  ["a container with a terminal and mounts", compileInit(everything, options), everything],
  ["a container with pipes", compileInit(withPipes, options), withPipes],
  ["a container with a small init", compileInit(asInit, options), asInit],
  ["an exec", compileExec([...exec.setup, ...exec.start], options), [...exec.setup, ...exec.start]],
];

/** A small init reads which signal has come. */
const isSignal = ({ args: [, block] }: Rec): boolean => block instanceof Block && block.name === "signalfd_siginfo";

/** A kernel in which all goes well: /dev/null is the null device, the host's side says go, the program ends at once. */
const willing = (record: Rec): Answer => {
  const { call, into } = record;
  if (call === "statx") return { result: 0, writes: { 28: 0o20666, 128: 1, 132: 3 } };
  if (call === "waitid") return { result: 0, writes: { 8: 1, 16: 7, 24: 0 } };
  if (call === "read") return isSignal(record) ? { result: 128, writes: { 0: 17 } } : { result: 1 };
  if (into) return { result: call === "clone" ? 7 : 40 };
  return { result: 0 };
};

/** As `willing`, but one record fails. */
const failing =
  (at: Rec, errno: number) =>
  (record: Rec): Answer =>
    record === at ? { errno } : willing(record);

const unexpected = (record: Rec): number => (record.ok?.includes("EBADF") ? errnos.ENOMEM : errnos.EBADF);
const isOperation = ({ call }: Rec) => ["test", "add", "own-memory", "close-inherited", "exit_group"].includes(call);

describe.each(programs)("%s", (_name, program, steps) => {
  test("has records for every step, in the order of the plan", () => {
    const named = program.steps.filter((name) => name !== "fail");
    const own = named.slice(-steps.length);
    expect(own).toEqual(steps.map((step) => step.do));
    const withRecords = new Set(program.records.map(({ step }) => program.steps[step]));
    for (const step of steps) {
      // Process 1 goes on, so it is the small init that has both load their filter.
      const name = step.do === "seccomp" && step.reap ? "reap" : step.do;
      expect([...withRecords]).toContain(name);
    }
  });
  test("places every label, and jumps forward but for the loop of a small init and the end of a failure", () => {
    program.records.forEach(({ to, step, call }, index) => {
      if (!to) return;
      expect(to.index).toBeGreaterThanOrEqual(0);
      if (program.steps[step] === "reap" || (program.steps[step] === "ready" && call === "test")) return;
      expect(to.index).toBeGreaterThan(index);
    });
  });
  test("expects at most four errnos of a call, since a record has room for no more", () => {
    for (const { ok } of program.records) expect(ok?.length ?? 0).toBeLessThanOrEqual(4);
  });
  test("reads no result before it was stored", () => {
    const stored = new Set<Slot>();
    const read = (arg: Arg) => {
      if (arg instanceof Slot && arg.name !== "fs") expect([arg.name, stored.has(arg)]).toEqual([arg.name, true]);
    };
    for (const { args, into } of program.records) {
      args.forEach(read);
      if (into instanceof Slot) stored.add(into);
    }
  });
  test("opens every descriptor close-on-exec", () => {
    const opening = ["openat", "openat2", "open_tree", "fsopen", "fsmount", "socket"];
    for (const { call, args } of program.records) {
      if (!opening.includes(call)) continue;
      const flags = args.flatMap((arg) => flagsIn(arg));
      expect([call, flags.some((name) => name.endsWith("CLOEXEC"))]).toEqual([call, true]);
    }
  });
  test("becomes the program when all goes well", () => {
    const last = steps.at(-1)!.do;
    const { run, end, failed } = interpret(program, willing);
    expect(failed).toBeUndefined();
    if (last === "execute" && program.others.length === 0) expect(end).toMatchObject({ executed: { call: "execve" } });
    const asked = run.filter(({ step }) => program.steps[step] !== "fail");
    expect(asked.length).toBeGreaterThan(program.others.length ? 5 : 100);
  });
  test("tells of a failure at each of its records just that record and its step, and ends with 125", () => {
    const good = interpret(program, willing);
    const tried = new Set<Rec>();
    for (const record of good.run) {
      if (isOperation(record) || tried.has(record)) continue;
      tried.add(record);
      const errno = unexpected(record);
      const { failed, end, run } = interpret(program, failing(record, errno));
      expect(failed).toEqual({ step: program.steps[record.step]!, record, errno });
      expect(end).toEqual({ exit: 125 });
      expect(run.slice(run.indexOf(record) + 1).map(({ call }) => call)).toEqual(["read", "exit_group"]);
    }
    expect(tried.size).toBeGreaterThan(4);
  });
  test("goes on after every errno that is an answer, to where it is said", () => {
    const good = interpret(program, willing);
    for (const record of new Set(good.run)) {
      // Of execve it is the next candidate, and of the last one the end; a small init goes on waiting.
      if (record.call === "execve" || record.call === "waitid") continue;
      for (const name of record.ok ?? []) {
        const { failed } = interpret(program, failing(record, errnos[name]), {});
        // What was not there and can't be made is a failure of a later record.
        if (failed) expect(failed.record).not.toBe(record);
      }
    }
  });
});

function flagsIn(arg: Arg): string[] {
  if (arg instanceof Names) return [...arg.list];
  if (typeof arg !== "object" || arg.noun !== "block" || !("words" in arg.content)) return [];
  return Object.values(arg.content.words).flatMap((value) => (value instanceof Names ? [...value.list] : []));
}

describe("the program by PATH", () => {
  const compiled = (command: string[], env: string[] = []) => compileInit(initSteps(aPlan({ command, env })), options);
  const pathOf = ({ args }: Rec) => args[0] as string;
  const search = (answers: Record<string, number>, command = "p", env = ["PATH=/a:/b::/c"]) => {
    const program = compiled([command], env);
    return interpret(program, (record) => {
      const path = record.call === "execve" ? pathOf(record) : record.call === "statx" ? String(record.args[1]) : "";
      if (record.call === "execve")
        return answers[path] === 0 ? { result: 0 } : { errno: answers[path] ?? errnos.ENOENT };
      if (record.call === "statx" && program.steps[record.step] === "execute")
        return path in answers ? { result: 0 } : { errno: errnos.ENOENT };
      return willing(record);
    });
  };
  test("is the first that can be executed; an empty directory is the current one", () => {
    expect(search({ "/b/p": 0, "/c/p": 0 }).end).toMatchObject({ executed: { args: ["/b/p", {}, {}] } });
    expect(search({ "./p": 0 }).end).toMatchObject({ executed: { args: ["./p", {}, {}] } });
  });
  test("is passed over where it may not be executed, and told if there is no other", () => {
    expect(search({ "/a/p": errnos.EACCES, "/c/p": 0 }).end).toMatchObject({ executed: { args: ["/c/p", {}, {}] } });
    const { failed } = search({ "/a/p": errnos.EACCES });
    expect([failed!.errno, failed!.record.call, pathOf(failed!.record)]).toEqual([errnos.EACCES, "execve", "/a/p"]);
  });
  test("that is there but whose interpreter is not is told as such: the file's own ENOENT", () => {
    const { failed } = search({ "/b/p": errnos.ENOENT });
    expect([failed!.errno, failed!.record.call, pathOf(failed!.record)]).toEqual([errnos.ENOENT, "execve", "/b/p"]);
  });
  test("that is nowhere is ENOENT of no file", () => {
    const { failed } = search({});
    expect([failed!.errno, failed!.record.call]).toEqual([errnos.ENOENT, "add"]);
  });
  test("with a slash is not looked for", () => {
    expect(search({ "/x/p": 0 }, "/x/p").end).toMatchObject({ executed: { args: ["/x/p", {}, {}] } });
    expect(search({ "/a/p": 0 }, "./p").failed!.errno).toBe(errnos.ENOENT);
  });
});

test("the host's side that gives up before the go ends init without a failure of its own", () => {
  const [, program] = programs[1]!;
  const { failed, end } = interpret(program, (record) => (record.call === "read" ? { result: 0 } : willing(record)));
  expect(failed).toBeUndefined();
  expect(end).toEqual({ exit: 125 });
});

describe("the small init", () => {
  const [, program] = programs[2]!;
  test("starts the program, gives up what it does not need, and waits", () => {
    const calls: string[] = [];
    try {
      interpret(program, (record) => {
        if (program.steps[record.step] === "reap") calls.push(record.call);
        if (isSignal(record)) throw new Error("waits");
        return willing(record);
      });
    } catch {}
    const filtered = ["capset", "prctl", "prctl", "prctl", "seccomp"];
    const before = ["prctl", "close_range", "close_range", "signalfd4", "clone"];
    expect(calls).toEqual([...before, ...filtered, "close", "read"]);
  });
  test("forwards a signal to the program, and not SIGCHLD", () => {
    const killed: Rec[] = [];
    let waits = 0;
    try {
      interpret(program, (record) => {
        if (record.call === "kill") killed.push(record);
        if (isSignal(record)) {
          if (++waits > 2) throw new Error("enough");
          return { result: 128, writes: { 0: waits === 1 ? 15 : 17 } };
        }
        if (record.call === "waitid") return { errno: errnos.ECHILD };
        return willing(record);
      });
    } catch {}
    expect(killed).toHaveLength(1);
    expect((killed[0]!.args[0] as Slot).name).toBe("program");
  });
  test("runs the program's records in its child, which has a frame of its own for failures", () => {
    const clone = program.records.find(({ call }) => call === "clone")!;
    const [, , entry, frame] = clone.args as [unknown, unknown, Program["entry"], Program["frame"]];
    expect(program.others).toEqual([frame]);
    const { end, failed } = interpret(program, willing, { entry, frame });
    expect(failed).toBeUndefined();
    expect(end).toMatchObject({ executed: { call: "execve" } });
    const bad = interpret(
      program,
      (record) => (record.call === "setpgid" ? { errno: errnos.EBUSY } : willing(record)),
      { entry, frame },
    );
    expect(bad.failed).toMatchObject({ step: "reap", errno: errnos.EBUSY });
  });
});

test("an exec's second process has no descriptor of ours but those that its steps name, and no memory: it is the intermediate one's child", () => {
  const [, program] = programs[3]!;
  const clone = program.records.findIndex(({ call }) => call === "clone");
  const before = program.records.slice(0, clone).map(({ call }) => call);
  expect(before).toContain("own-memory");
  expect(before).toContain("close-inherited");
  // Into the pid namespace, where it is seen, after the mount namespace.
  expect(before.filter((call) => call === "setns")).toHaveLength(2);
  const args = program.records[clone]!.args[0] as unknown as { content: { words: { flags: Names } } };
  expect([...args.content.words.flags.list]).toEqual(["CLONE_PARENT", "CLONE_CLEAR_SIGHAND"]);
});

describe("/proc/self/exe of a process on its way", () => {
  const program = compileInit(withPipes, options);
  const isSetting =
    (what: string) =>
    ({ call, args }: Rec): boolean =>
      call === "prctl" && args[1] instanceof Names && args[1].list.includes(what as never);
  const asked = (answer: (record: Rec) => Answer) => {
    const { run, failed } = interpret(program, answer);
    const is = (what: string) => run.some(isSetting(what));
    return { map: is("PR_SET_MM_MAP"), file: is("PR_SET_MM_EXE_FILE"), failed: failed?.step };
  };
  const without = (...what: string[]) =>
    asked((record) => (what.some((one) => isSetting(one)(record)) ? { errno: errnos.EINVAL } : willing(record)));

  test("is set by the newer call, by the older one where the kernel has no other, and else the program is not started", () => {
    expect(without()).toEqual({ map: true, file: false, failed: undefined });
    expect(without("PR_SET_MM_MAP")).toEqual({ map: true, file: true, failed: undefined });
    expect(without("PR_SET_MM_MAP", "PR_SET_MM_EXE_FILE")).toEqual({ map: true, file: true, failed: "exe-file" });
  });
});
