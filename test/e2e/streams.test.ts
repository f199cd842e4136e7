/** What is seen of a container's streams (--attach), how long it may run (--timeout), and by what it is stopped. */

import { describe, expect } from "bun:test";
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, type Machine, said, withMachine } from "../support/containers.ts";
import { configOf, dockerArchive } from "../support/images.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { tarOf } from "../support/tars.ts";

const test = needing(root);
const none = ["--network", "none"];
const remove = async (machine: Machine, ...names: string[]) => ok(await machine.run(["rm", "-f", ...names]));

describe("--attach", () => {
  const script = ["busybox", "sh", "-c", "cat; echo out; echo err >&2"];
  test("shows the streams that it names; the others are in the log all the same", async () => {
    await withMachine(["busybox"], async (machine) => {
      const cases: [string[], stdout: string, stderr: string, log: string][] = [
        [["-a", "stdout"], "out\n", "", "out\nerr\n"],
        [["-a", "stderr"], "", "err\n", "out\nerr\n"],
        [["--attach=STDOUT", "-a", "stderr"], "out\n", "err\n", "out\nerr\n"],
        [["-i", "-a", "stdin", "-a", "stdout"], "in\nout\n", "", "in\nout\nerr\n"],
        // Its monitor is another process than ours.
        [["-a", "stderr", "--restart", "on-failure:1"], "", "err\n", "out\nerr\n"],
      ];
      for (const [options, stdout, stderr, log] of cases) {
        const result = await machine.run(["run", "--name", "box", ...none, ...options, ...script], { stdin: "in\n" });
        expect([options, result.code, result.stdout, said(result)]).toEqual([options, 0, stdout, stderr]);
        const logged = await machine.run(["logs", "box"]);
        expect([options, logged.stdout + logged.stderr]).toEqual([options, log]);
        await remove(machine, "box");
      }
    });
  });
  test("prints the id where nothing of it is shown, as Docker does; inspect tells what was named", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { stdout } = await machine.run(["run", "--name", "box", ...none, "-a", "stdin", ...script], {
        stdin: "in\n",
      });
      expect(stdout).toMatch(/^[0-9a-f]{64}\n$/);
      expect(ok(await machine.run(["logs", "box"]))).toBe("in\nout");
      const template = "{{with .Config}}{{.AttachStdin}} {{.AttachStdout}} {{.AttachStderr}}{{end}}";
      expect(ok(await machine.run(["inspect", "-f", template, "box"]))).toBe("true false false");
      await remove(machine, "box");
    });
  });
  test("is refused with what it contradicts", async () => {
    await withMachine(["busybox"], async (machine) => {
      const cases: [string[], string][] = [
        [["-a", "stdlog"], '"stdlog" is not a stream'],
        [["-d", "-a", "stdout"], "--attach and --detach cannot be combined"],
        [["-i", "-a", "stdout"], "--attach leaves it out"],
        [["-i=false", "-a", "stdin"], "--attach stdin needs --interactive"],
        [["-t", "-a", "stdout"], "--tty and --attach without stdin and stdout"],
      ];
      for (const [options, message] of cases) {
        const result = await machine.container([...none, ...options, "busybox", "true"]);
        expect([options, result.code, said(result)]).toEqual([options, 125, expect.stringContaining(message)]);
      }
    });
  });
});

describe("--timeout", () => {
  test("kills a container that runs longer, with all that it has started, attached or not", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = ["busybox", "sh", "-c", "sleep 60 & trap '' TERM; sleep 60"];
      expect((await machine.container([...none, "--timeout", "1", ...script])).code).toBe(137);
      ok(await machine.run(["run", "-d", "--name", "box", ...none, "--timeout", "1", "--pid", "host", ...script]));
      expect(ok(await machine.run(["wait", "box"]))).toBe("137");
      // Every start has the same time.
      ok(await machine.run(["start", "box"]));
      expect(ok(await machine.run(["wait", "box"]))).toBe("137");
      await remove(machine, "box");
    });
  });
  test("lets one be that ends in time; 0 is never", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const seconds of ["0", "30", "999999999"])
        expect((await machine.container([...none, "--timeout", seconds, "busybox", "sh", "-c", "exit 3"])).code).toBe(
          3,
        );
      for (const text of ["", "x", "-1", "1.5", "1s"])
        expect((await machine.container([...none, "--timeout", text, "busybox", "true"])).code).toBe(125);
    });
  });
});

describe("an image whose StopSignal is not a signal (P9)", () => {
  test("is warned of when it is loaded, and its containers are stopped by SIGTERM", async () => {
    await withMachine(["busybox"], async (machine) => {
      const layers = [readFileSync(imageTar("busybox"))];
      const config = {
        Cmd: ["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"],
        StopSignal: "SIGFOO",
      };
      const text = configOf(layers, { config: { ...config, Env: ["PATH=/bin:/usr/bin"] } });
      const path = join(machine.tmp, "odd.tar");
      writeFileSync(path, tarOf(...dockerArchive({ config: text, layers, tags: ["odd:1"] })));
      const loaded = await machine.run(["load", "-q", "-i", path]);
      expect([loaded.code, loaded.stderr]).toEqual([
        0,
        expect.stringContaining('its StopSignal "SIGFOO" is not a signal'),
      ]);
      ok(await machine.run(["run", "-d", "--name", "box", ...none, "odd:1"]));
      for (let tries = 0; !(await machine.run(["logs", "box"])).stdout.includes("ready") && tries < 200; tries++)
        await Bun.sleep(20);
      expect((await machine.run(["stop", "box"])).code).toBe(0);
      expect(ok(await machine.run(["inspect", "-f", "{{.State.ExitCode}}", "box"]))).toBe("7");
      await remove(machine, "box");
      ok(await machine.run(["rmi", "odd:1"]));
      await machine.exec(["rm", path]);
    });
  });
});

test("a FIFO as stdin ends for the container, also when its writer has left before we look", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script = 'mkfifo p; exec 3<>p; echo hi >&3; exec 4<p 3>&-; exec "$0" run --rm --network none busybox cat <&4';
    const { code, stdout } = await machine.exec(["sh", "-c", `cd ${machine.tmp}; ${script}`, binary()]);
    unlinkSync(join(machine.tmp, "p"));
    expect([code, stdout]).toEqual([0, "hi\n"]);
  });
});
