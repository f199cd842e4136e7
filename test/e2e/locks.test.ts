/** Locks are root's alone, and who waits for one can be ended. */

import { describe, expect } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { imageTar, Machine, said, withMachine } from "../support/containers.ts";
import { detached, ok, stateOf, until } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("flock"), tool("setpriv"));
const testOfIptables = needing(root, tool("flock"), tool("setpriv"), tool("iptables-save"), tool("ip"));
const nobody = "65534";

/** Holds the lock of a file or directory of the machine, as somebody, until it is disposed of. */
async function holding(machine: Machine, path: string, user = "0"): Promise<AsyncDisposable> {
  const wait = ["flock", "--no-fork", path, "sh", "-c", "echo held; exec sleep 600"];
  const argv = ["setpriv", "--reuid", user, "--clear-groups", ...wait];
  const child = Bun.spawn(machine.command(argv, "/"), { stdio: ["ignore", "pipe", "pipe"] });
  const { value } = await child.stdout.getReader().read();
  if (value === undefined) throw new Error(`cannot lock ${path}: ${await child.stderr.text()}`);
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** What a process has open. */
const openFiles = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return []; // it was closed meanwhile
    }
  });

describe("a lock", () => {
  test("is on nothing that another user can open: no cgroup, no network namespace", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", "exec sleep 600", ["--network", "none"]);
      const { cgroup } = stateOf(machine, id);
      const cgroups = cgroup ? [cgroup, join(cgroup, "..")] : [];
      // The sandbox's own is closed to others, and a host's is not.
      if (cgroup) await machine.exec(["chmod", "755", join(cgroup, "../..")]);
      for (const path of ["/proc/self/ns/net", ...cgroups]) {
        await using _ = await holding(machine, path, nobody);
        expect(ok(await machine.container(["--network", "none", "busybox", "echo", "runs"]))).toBe("runs");
      }
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
  testOfIptables("of the firewall is root's too, where it is iptables", async () => {
    // Of a machine that is thrown away: another firewall leaves other rules.
    await using machine = await new Machine().open();
    await machine.loadFile(imageTar("busybox"), "busybox");
    ok(await machine.run(["--firewall", "iptables", "network", "create", "net"]));
    await using _ = await holding(machine, "/proc/self/ns/net", nobody);
    expect(ok(await machine.container(["--network", "net", "-p", "8080:80", "busybox", "echo", "runs"]))).toBe("runs");
  });
  test("that somebody holds for ever is waited for until a signal comes, and nothing is left then", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "made", "busybox", "true"]));
      const id = ok(await machine.run(["inspect", "-f", "{{.Id}}", "made"]));
      const store = join(machine.root, "lock");
      const container = join(machine.root, "containers", id);
      for (const [path, words] of [
        [store, ["run", "--rm", "busybox", "true"]],
        [store, ["run", "-d", "busybox", "true"]],
        [store, ["create", "busybox", "true"]],
        [container, ["start", "made"]],
        [container, ["start", "-a", "made"]],
        [container, ["rm", "made"]],
      ] as const)
        for (const [signal, number] of [
          ["SIGINT", 2],
          ["SIGTERM", 15],
        ] as const) {
          await using _ = await holding(machine, path);
          const waiting = machine.spawn([...words]);
          await until(() => openFiles(waiting.pid).includes(path), `${words.join(" ")} waits`);
          waiting.kill(signal);
          const code = await waiting.exited;
          expect([words, waiting.signalCode ?? code - 128]).toEqual([words, waiting.signalCode ? signal : number]);
        }
      expect(ok(await machine.run(["ps", "-aq"])).split("\n")).toHaveLength(1);
      expect(said(await machine.run(["start", "-a", "made"]))).toBe("");
      ok(await machine.run(["rm", "made"]));
    });
  });
});
