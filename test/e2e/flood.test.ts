/** A gigabyte written into a log: the disk and the monitor's memory stay bounded, and nobody who does not read stops it (F16, F17). */

import { expect } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Machine, withMachine } from "../support/containers.ts";
import { detached, monitorOf, ok, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** What a log may take on the disk if nothing is said: 10 MB three times. */
const maxBytes = 30 << 20;
/** What a monitor may hold beyond what it holds when idle: chunks on their way, and garbage of them. */
const maxKB = 64 << 10;

/** The most memory that a process has ever had, in KB. */
const peakKB = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);

const logBytes = (machine: Machine, id: string): number => {
  const directory = join(machine.root, "containers", id);
  return readdirSync(directory)
    .filter((name) => name.startsWith("log"))
    .reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
};

/** 20 MB of lines as a file, 50 times over, once somebody says so. */
const flood = `
  yes 'a line of forty characters, give or take' | head -c 20000000 >/f; echo ready
  until [ -e /go ]; do sleep 0.05; done
  for i in $(seq 50); do cat /f; done; echo; echo the end; exec sleep 1000`;

for (const driver of ["local", "json-file"]) {
  test(`a gigabyte into ${driver} takes bounded room and memory, beside a stuck attach and a stuck logs -f (F16, F17)`, async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "flood", flood, ["--log-driver", driver]);
      await until(async () => ok(await machine.run(["logs", "flood"])) === "ready", "it is ready");
      const stuck = [
        ["attach", "--no-stdin", "flood"],
        ["logs", "-f", "flood"],
      ].map((words) => machine.spawn(words));
      await Bun.sleep(300);
      for (const { pid } of stuck) process.kill(pid, "SIGSTOP");
      const monitor = monitorOf(machine, id);
      const idleKB = peakKB(monitor);
      ok(await machine.run(["exec", "flood", "touch", "/go"]));
      let most = 0;
      const isOver = async () => {
        most = Math.max(most, logBytes(machine, id));
        return ok(await machine.run(["logs", "-n", "1", "flood"])) === "the end";
      };
      await until(isOver, "the log has the end", 100_000);
      expect(most).toBeLessThanOrEqual(maxBytes);
      expect(most).toBeGreaterThan(maxBytes / 2);
      expect(peakKB(monitor) - idleKB).toBeLessThan(maxKB);
      for (const child of stuck) {
        child.kill("SIGKILL");
        await child.exited;
      }
      expect(await status(machine, "flood")).toContain("Up");
      ok(await machine.run(["rm", "-f", "flood"]));
    });
  });
}
