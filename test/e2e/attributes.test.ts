/** A container is the same whoever starts it: nothing of the caller's shell is inherited, at the first start or a later one (P12). */

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { binary } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { detached, forever, monitorOf, ok, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("chrt"), tool("ionice"), tool("setarch"), tool("taskset"), tool("setpriv"));

/** Each a command that runs its arguments with something set that a child inherits. */
const callers: Record<string, string[]> = {
  "nice 5": ["nice", "-n", "5"],
  "a negative niceness": ["nice", "-n", "-5"],
  SCHED_BATCH: ["chrt", "--batch", "0"],
  SCHED_IDLE: ["chrt", "--idle", "0"],
  "a real-time class": ["chrt", "--rr", "5"],
  "a real-time class that children lose": ["chrt", "--reset-on-fork", "--fifo", "5"],
  "one CPU": ["taskset", "-c", "0"],
  ionice: ["ionice", "-c", "3"],
  "no address randomization": ["setarch", "-R"],
  nohup: ["nohup"],
  "blocked signals": ["env", "--block-signal=INT", "--block-signal=TERM", "--block-signal=USR1", "--block-signal=CHLD"],
  "ignored signals": [
    "env",
    "--ignore-signal=HUP",
    "--ignore-signal=INT",
    "--ignore-signal=CHLD",
    "--ignore-signal=TTOU",
  ],
  "oom_score_adj 500": shell("echo 500 >/proc/self/oom_score_adj"),
  "a coredump_filter": shell("echo 0x7f >/proc/self/coredump_filter"),
  "umask 077": shell("umask 077"),
  "umask 0": shell("umask 0"),
  "low limits": shell("ulimit -S -s 4096 -n 300 -u 4000 -f 100000000 -l 64; ulimit -S -c unlimited"),
  groups: ["setpriv", "--groups", "7,8,9"],
  securebits: ["setpriv", "--securebits", "+no_setuid_fixup"],
  "inheritable capabilities": [
    "setpriv",
    "--inh-caps",
    "+net_admin,+sys_admin",
    "--ambient-caps",
    "+net_admin,+sys_admin",
  ],
};

/** Hard limits, too: only CAP_SYS_RESOURCE lifts them again. */
const lowHard = shell("ulimit -H -s 4096 -n 300 -u 4000 -c 0");
const sysResource = (): string | undefined => {
  const [, mask] = /^CapEff:\t(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))!;
  return BigInt(`0x${mask}`) & (1n << 24n) ? undefined : "CAP_SYS_RESOURCE";
};

function shell(setting: string): string[] {
  return ["bash", "-c", `${setting}; exec "$@"`, "bash"];
}

const plain: string[] = [];
const question = ["/bin/probe", "attributes"];

const parse = (text: string): unknown => JSON.parse(text.trim().split("\n").at(-1)!);

/** Runs the binary as a caller. */
const as = (machine: Machine, caller: string[], words: string[]) => machine.exec([...caller, binary(), ...words]);

/** Ways for the probe into a container: what it answers. */
const ways: Record<string, (machine: Machine, caller: string[]) => Promise<unknown>> = {
  run: async (machine, caller) => parse(ok(await as(machine, caller, ["run", "--rm", "probe", ...question]))),
  "run --init": async (machine, caller) =>
    parse(ok(await as(machine, caller, ["run", "--rm", "--init", "-u", "1000", "probe", ...question]))),
  "run -d, then a restart": async (machine, caller) => {
    ok(await as(machine, caller, ["run", "-d", "--name", "box", "probe", ...question]));
    ok(await machine.run(["wait", "box"]));
    const first = parse(ok(await machine.run(["logs", "box"])));
    ok(await as(machine, caller, ["restart", "box"]));
    ok(await machine.run(["wait", "box"]));
    const lines = ok(await machine.run(["logs", "box"])).split("\n");
    ok(await machine.run(["rm", "box"]));
    return [first, ...lines.map(parse)];
  },
  "start -a of what a plain caller has created": async (machine, caller) => {
    ok(await machine.run(["create", "--name", "box", "probe", ...question]));
    const answer = parse(ok(await as(machine, caller, ["start", "-a", "box"])));
    ok(await machine.run(["rm", "box"]));
    return answer;
  },
  exec: async (machine, caller) => {
    ok(await machine.run(["run", "-d", "--name", "box", "probe", "/bin/probe", "sleep", "60"]));
    const answer = parse(ok(await as(machine, caller, ["exec", "box", ...question])));
    ok(await machine.run(["rm", "-f", "box"]));
    return answer;
  },
};

describe("what the program has does not depend on who starts it", () => {
  for (const [way, answer] of Object.entries(ways)) {
    test(`with ${way}`, async () => {
      await withMachine(["probe"], async (machine) => {
        const usual = await answer(machine, plain);
        for (const [name, caller] of Object.entries(callers))
          expect({ from: name, ...asObject(await answer(machine, caller)) }).toEqual({
            from: name,
            ...asObject(usual),
          });
      });
    });
  }
});

const asObject = (answer: unknown): object => (Array.isArray(answer) ? { answers: answer } : (answer as object));

test("the usual values are those of a process that nobody has changed", async () => {
  await withMachine(["probe"], async (machine) => {
    const values = (await ways.run!(machine, callers["low limits"]!)) as Record<string, unknown>;
    expect(values).toMatchObject({
      nice: 0,
      policy: 0,
      priority: 0,
      ioprio: 0,
      personality: 0,
      timerslack: 50_000,
      securebits: 0,
      thpDisabled: 0,
      dumpable: 1,
      oomScoreAdj: "0",
      coredumpFilter: "00000033",
      Umask: "0022",
      SigBlk: "0".repeat(16),
      SigIgn: "0".repeat(16),
      NoNewPrivs: "0",
    });
    // No core files, unless the program wants them; a stack of 8 MiB that may grow.
    expect(values.limits).toMatchObject({
      CORE: [0, -1],
      STACK: [8 << 20, -1],
      FSIZE: [-1, -1],
      MEMLOCK: [8 << 20, 8 << 20],
      NOFILE: [1024, expect.any(Number)],
    });
    const { Cpus_allowed_list } = values;
    expect(values).toEqual((await ways.run!(machine, callers["one CPU"]!)) as Record<string, unknown>);
    const [, all] = /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync("/proc/1/status", "utf8"))!;
    expect(Cpus_allowed_list).toBe(all!);
  });
});

needing(root, sysResource)("hard limits of the caller's are lifted", async () => {
  await withMachine(["probe"], async (machine) => {
    for (const answer of Object.values(ways))
      expect(await answer(machine, lowHard)).toEqual(await answer(machine, plain));
  });
});

describe("a monitor has nothing of whoever starts its container either", () => {
  const facts = (pid: number) => {
    const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, "utf8");
    const fields = read("stat")
      .replace(/^.*\) /, "")
      .split(" ");
    const [, cpus] = /^Cpus_allowed_list:\t(.*)$/m.exec(read("status"))!;
    const limit = (name: string) => new RegExp(`^Max ${name} +(\\S+ +\\S+)`, "m").exec(read("limits"))![1];
    const ended = ["open files", "stack size", "processes", "file size"].map(limit);
    // proc(5): niceness is the 19th, the scheduling policy the 41st.
    return { nice: fields[16], policy: fields[38], cpus, oomScoreAdj: read("oom_score_adj").trim(), limits: ended };
  };
  const traits = ["nice 5", "SCHED_BATCH", "one CPU", "oom_score_adj 500", "low limits"];
  for (const verb of ["run -d", "restart"]) {
    for (const name of traits) {
      test(`${verb} by a caller with ${name}`, async () => {
        await withMachine(["busybox"], async (machine) => {
          const id = await detached(machine, "plain", forever);
          const usual = facts(monitorOf(machine, id));
          const caller = callers[name]!;
          let other: string;
          if (verb === "restart") {
            other = await detached(machine, "box", forever);
            ok(await as(machine, caller, ["restart", "-t", "0", "box"]));
          } else other = ok(await as(machine, caller, ["run", "-d", "--name", "box", "busybox", "sh", "-c", forever]));
          await until(() => facts(monitorOf(machine, other)).nice !== undefined, "there is a monitor");
          expect(facts(monitorOf(machine, other))).toEqual(usual);
          ok(await machine.run(["rm", "-f", "box", "plain"]));
        });
      });
    }
  }
});
