/** Health checks: performed by the monitor, seen in `inspect` and `ps`, in nobody's way, and gone with their container. */

import { describe, expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageTar, type Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, monitorOf, ok, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

interface Health {
  Status: string;
  FailingStreak: number;
  Log: { ExitCode: number; Output: string; Start: string; End: string }[];
}
const healthOf = async (machine: Machine, name: string): Promise<Health | null> =>
  JSON.parse(ok(await machine.run(["inspect", "-f", "{{json .State.Health}}", name])));

const healthy = (machine: Machine, name: string, wanted: string) =>
  until(async () => (await healthOf(machine, name))?.Status === wanted, `${name} is ${wanted}`);

const often = ["--health-interval", "100ms", "--health-retries", "2"];

describe("a health check", () => {
  test("runs inside the container and follows how it is: starting, healthy, unhealthy, healthy", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "web", forever, [
        "--health-cmd",
        "echo $(hostname) $A; test -e /ok",
        ...often,
        "-h",
        "inside",
        "-e",
        "A=1",
      ]);
      expect(await status(machine, "web")).toMatch(/Up .*\((health: starting|unhealthy)\)/);
      await healthy(machine, "web", "unhealthy");
      ok(await machine.run(["exec", "web", "touch", "/ok"]));
      await healthy(machine, "web", "healthy");
      expect(await status(machine, "web")).toContain("(healthy)");
      const { Log, FailingStreak } = (await healthOf(machine, "web"))!;
      expect(FailingStreak).toBe(0);
      expect(Log.at(-1)).toMatchObject({ ExitCode: 0, Output: "inside 1\n" });
      await until(async () => (await healthOf(machine, "web"))!.Log.length === 5, "five are remembered");
      expect(ok(await machine.run(["ps", "-q", "--filter", "health=healthy"]))).not.toBe("");
      expect(ok(await machine.run(["ps", "-q", "--filter", "health=none"]))).toBe("");
      ok(await machine.run(["exec", "web", "rm", "/ok"]));
      await healthy(machine, "web", "unhealthy");
      // As with Docker, that alone starts nothing again.
      expect(await status(machine, "web")).toMatch(/Up .*\(unhealthy\)/);
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
  test("that takes too long is killed with what it has started", async () => {
    await withMachine(["busybox"], async (machine) => {
      const check = "sleep 71 & sleep 72";
      await detached(machine, "slow", forever, [
        "--init",
        "--health-cmd",
        check,
        "--health-timeout",
        "150ms",
        ...often,
      ]);
      await healthy(machine, "slow", "unhealthy");
      expect((await healthOf(machine, "slow"))!.Log[0]).toMatchObject({
        ExitCode: -1,
        Output: "Health check exceeded timeout (0.15s)",
      });
      ok(await machine.run(["pause", "slow"]));
      await Bun.sleep(200);
      ok(await machine.run(["unpause", "slow"]));
      const sleeping = async () => (await machine.run(["top", "slow"])).stdout.match(/sleep 7[12]/g)?.length ?? 0;
      for (let look = 0; look < 5; look++) expect(await sleeping()).toBeLessThanOrEqual(2);
      ok(await machine.run(["rm", "-f", "slow"]));
    });
  });
  test("ends with its container, also while it runs, and holds up neither its output nor its end", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.05; done; exit 4";
      const started = performance.now();
      const { code, stdout } = await machine.sh(script, ["--health-cmd", "sleep 30", "--health-interval", "50ms"]);
      expect([code, stdout]).toEqual([4, "1\n2\n3\n4\n5\n6\n7\n8\n"]);
      expect(performance.now() - started).toBeLessThan(5000);
    });
  });
  test("may write more than anybody wants to read, and leave something in the background", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "loud", forever, ["--health-cmd", "yes | head -c 3000000; sleep 73 &", ...often]);
      await healthy(machine, "loud", "healthy");
      expect((await healthOf(machine, "loud"))!.Log.at(-1)!.Output).toBe("y\n".repeat(2048));
      ok(await machine.run(["rm", "-f", "loud"]));
    });
  });
  test("rests while the container is paused", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "web", forever, ["--health-cmd", "true", ...often]);
      await healthy(machine, "web", "healthy");
      ok(await machine.run(["pause", "web"]));
      const { Log } = (await healthOf(machine, "web"))!;
      await Bun.sleep(500);
      const later = (await healthOf(machine, "web"))!;
      expect([later.Status, later.FailingStreak]).toEqual(["healthy", 0]);
      expect(Date.parse(later.Log.at(-1)!.End) - Date.parse(Log.at(-1)!.End)).toBeLessThan(400);
      ok(await machine.run(["unpause", "web"]));
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
  test("that cannot even be executed is a failure that says why", async () => {
    await withMachine(["probe"], async (machine) => {
      ok(
        await machine.run(["run", "-d", "--name", "pp", "--health-cmd", "x", ...often, "probe", "/bin/probe", "catch"]),
      );
      await healthy(machine, "pp", "unhealthy");
      expect((await healthOf(machine, "pp"))!.Log[0]).toMatchObject({ ExitCode: 127 });
      expect((await healthOf(machine, "pp"))!.Log[0]!.Output).toContain("/bin/sh");
      ok(await machine.run(["rm", "-f", "pp"]));
    });
  });
  test("stops with the monitor, and the container does not", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", forever, ["--health-cmd", "true", ...often]);
      await healthy(machine, "web", "healthy");
      process.kill(monitorOf(machine, id), "SIGKILL");
      await until(async () => (await status(machine, "web")).includes("(no monitor)"), "it has no monitor");
      ok(await machine.run(["stop", "web"]));
      ok(await machine.run(["rm", "web"]));
    });
  });
});

describe("--health-on-failure", () => {
  const ill = ["--health-cmd", "test -e /well", ...often];

  test("kills, stops or restarts what has become unhealthy, and none does nothing", async () => {
    await withMachine(["busybox"], async (machine) => {
      const start = (name: string, ...options: string[]) =>
        detached(machine, name, forever, [...ill, "--health-on-failure", name, ...options]);
      await start("kill");
      await start("stop", "--restart", "always");
      await start("restart");
      await start("none");
      await until(async () => (await status(machine, "kill")).includes("Exited (137)"), "it was killed");
      await until(async () => (await status(machine, "stop")).includes("Exited (7)"), "it was stopped, for good");
      const restarts = async () => Number(ok(await machine.run(["inspect", "-f", "{{.RestartCount}}", "restart"])));
      await until(async () => (await restarts()) > 1, "it was started again, and again");
      await healthy(machine, "none", "unhealthy");
      expect(await status(machine, "none")).toMatch(/Up .*\(unhealthy\)/);
      expect(ok(await machine.run(["inspect", "-f", "{{.Config.HealthcheckOnFailureAction}}", "kill"]))).toBe("kill");
      ok(await machine.run(["rm", "-f", "kill", "stop", "restart", "none"]));
    });
  });
  test("is refused where there is nothing to do, or nothing to check", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [options, why] of [
        [["--health-on-failure", "kill"], "the image has none"],
        [[...ill, "--health-on-failure", "panic"], "one of none, kill, restart, stop"],
        [["--rm", ...ill, "--health-on-failure", "restart"], "cannot be combined"],
      ] as const)
        for (const command of [["run", "-d"], ["create"]]) {
          const { code, stderr } = await machine.run([...command, ...options, "busybox", "true"]);
          expect(code).toBe(125);
          expect(stderr).toContain(why);
        }
    });
  });
});

test("healthcheck run performs the check now, and says what it has found", async () => {
  await withMachine(["busybox"], async (machine) => {
    await detached(machine, "web", forever, ["--health-cmd", "echo looked; test -e /well"]);
    const check = () => machine.run(["healthcheck", "run", "web"]);
    expect(await check()).toMatchObject({ code: 1, stdout: "looked\nunhealthy\n" });
    ok(await machine.run(["exec", "web", "touch", "/well"]));
    expect(await check()).toMatchObject({ code: 0, stdout: "looked\nhealthy\n" });
    ok(await machine.run(["stop", "web"]));
    expect((await check()).stderr).toContain("is not running");
    ok(await machine.run(["rm", "web"]));
    ok(await machine.run(["create", "--name", "none", "busybox"]));
    expect((await machine.run(["healthcheck", "run", "none"])).stderr).toContain("has no health check");
    ok(await machine.run(["rm", "none"]));
  });
});

describe("the image's health check", () => {
  /** busybox with a HEALTHCHECK, as an OCI layout that skopeo made and we changed. */
  async function load(machine: Machine): Promise<void> {
    const directory = join(machine.tmp, "archive");
    mkdirSync(directory);
    ok(await machine.exec(["tar", "-xf", imageTar("busybox"), "-C", directory]));
    const files = (await machine.exec(["find", directory, "-name", "*.json"])).stdout.split("\n").filter(Boolean);
    const manifest = files.find((file) => file.endsWith("manifest.json"));
    const layer = join(machine.tmp, "layer.tar");
    ok(await machine.exec(["sh", "-c", `tar -cf ${layer} -C ${directory} .`]));
    const bytes = readFileSync(manifest ? imageTar("busybox") : layer);
    const digest = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const config = {
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: { Cmd: ["sh"], Healthcheck: { Test: ["CMD", "test", "-e", "/bin/sh"], Interval: 1e8 } },
      rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
    };
    const image = join(machine.tmp, "image");
    mkdirSync(image);
    writeFileSync(join(image, "config.json"), JSON.stringify(config));
    writeFileSync(join(image, "layer.tar"), bytes);
    writeFileSync(
      join(image, "manifest.json"),
      JSON.stringify([{ Config: "config.json", RepoTags: ["checked:latest"], Layers: ["layer.tar"] }]),
    );
    const tar = join(machine.tmp, "checked.tar");
    ok(await machine.exec(["tar", "-cf", tar, "-C", image, "."]));
    ok(await machine.run(["load", "-i", tar]));
    ok(await machine.exec(["rm", "-rf", directory, layer, image, tar]));
  }
  test("is performed, also in the foreground, and not with --no-healthcheck", async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        const run = (name: string, options: string[]) =>
          machine.start(["run", "--name", name, ...options, "checked", "sh", "-c", `${forever}`]);
        const with_ = await run("with", []);
        const without = await run("without", ["--no-healthcheck"]);
        await healthy(machine, "with", "healthy");
        expect(await healthOf(machine, "without")).toBeNull();
        expect(ok(await machine.run(["inspect", "-f", "{{.State.Health}}", "without"]))).toBe("<nil>");
        const described = ok(await machine.run(["inspect", "-f", "{{json .Config.Healthcheck.Test}}", "with"]));
        expect(JSON.parse(described)).toEqual(["CMD", "test", "-e", "/bin/sh"]);
        ok(await machine.run(["stop", "with", "without"]));
        expect([await with_.child.exited, await without.child.exited]).toEqual([7, 7]);
        ok(await machine.run(["rm", "with", "without"]));
      },
      load,
    );
  });
});

test("options that say how but not what to check are said to change nothing; an image may say what", async () => {
  await withMachine(["busybox"], async (machine) => {
    const warning =
      "tinydocker: warning: no health check given (--health-cmd) and none in the image: the other --health options change nothing\n";
    const how = ["--health-interval", "30s"];
    ok(await machine.run(["import", "-c", "HEALTHCHECK CMD true", imageTar("busybox"), "checked"]));
    const made = ["create", "--name", "made"];
    for (const [command, options, image, expected] of [
      [["run", "--rm"], how, "busybox", warning],
      [["run", "-d", "--rm"], ["--health-retries", "3", "--health-cmd", ""], "busybox", warning],
      [made, [...how, "--health-cmd", "none"], "busybox", warning],
      [["run", "--rm"], ["--no-healthcheck"], "busybox", ""],
      [["run", "--rm"], [...how, "--health-cmd", "true"], "busybox", ""],
      [["run", "--rm"], how, "checked", ""],
    ] as const) {
      const { code, stderr } = await machine.run([...command, "--network", "none", ...options, image, "true"]);
      expect([options, code, stderr]).toEqual([options, 0, expected]);
    }
    expect((await machine.run(["start", "-a", "made"])).stderr).toBe("");
    ok(await machine.run(["rm", "made"]));
    await until(async () => ok(await machine.run(["ps", "-aq"])) === "", "all are gone");
    ok(await machine.run(["rmi", "checked"]));
  });
});

test("options that make no sense are refused, and nothing is made", async () => {
  await withMachine(["busybox"], async (machine) => {
    for (const wrong of [
      ["--health-interval", "5"],
      ["--health-retries", "many"],
      ["--no-healthcheck", "--health-cmd", "true"],
    ]) {
      const result = await machine.run(["run", "-d", ...wrong, "busybox", "true"]);
      expect([result.code, said(result)]).toEqual([125, expect.stringContaining(wrong[0]!)]);
    }
    expect(ok(await machine.run(["ps", "-aq"]))).toBe("");
  });
});
