/** Small things that who comes from Docker expects of its commands. */

import { expect } from "bun:test";
import { said, withMachine } from "../support/containers.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

test("rm -f and rmi -f of what is not there say so, and are no failure; without -f they are", async () => {
  await withMachine(["busybox"], async (machine) => {
    for (const [command, what] of [
      ["rm", "container"],
      ["rmi", "image"],
    ]) {
      const forced = await machine.run([command!, "-f", "nobody"]);
      expect([forced.code, said(forced)]).toEqual([0, expect.stringContaining(`no such ${what}: nobody`)]);
      expect((await machine.run([command!, "nobody"])).code).toBe(1);
    }
  });
});

test("inspect finds volumes too, after containers and images", async () => {
  await withMachine(["busybox"], async (machine) => {
    for (const name of ["data", "busybox"]) ok(await machine.run(["volume", "create", name]));
    expect(ok(await machine.run(["inspect", "-f", "{{.Scope}}", "data"]))).toBe("local");
    expect(ok(await machine.run(["inspect", "-f", "{{.Os}}", "busybox"]))).toBe("linux");
    expect(ok(await machine.run(["inspect", "--type", "volume", "-f", "{{.Name}}", "busybox"]))).toBe("busybox");
    const missing = await machine.run(["inspect", "--type", "volume", "none"]);
    expect([missing.code, missing.stdout, said(missing)]).toEqual([
      1,
      "[]\n",
      expect.stringContaining("no such volume"),
    ]);
    ok(await machine.run(["volume", "rm", "data", "busybox"]));
  });
});

test("info and version have Docker's fields", async () => {
  await withMachine(["busybox"], async (machine) => {
    await detached(machine, "one", forever);
    await detached(machine, "two", forever);
    ok(await machine.run(["pause", "two"]));
    ok(await machine.run(["create", "--name", "three", "busybox"]));
    const format =
      "{{.Containers}} {{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}} {{.Images}} {{.OSType}}";
    expect(ok(await machine.run(["info", "--format", format]))).toBe("3 1 1 1 1 linux");
    const version = ok(await machine.run(["version", "--format", "{{.Server.Version}}"]));
    expect(ok(await machine.run(["info", "-f", "{{.ServerVersion}}"]))).toBe(version);
    expect(JSON.parse(ok(await machine.run(["version", "-f", "json"]))).Client.Version).toBe(version);
    ok(await machine.run(["rm", "-f", "one", "two", "three"]));
  });
});

test("image prune takes filters by label, and an option of one letter that there is not is not guessed at", async () => {
  await withMachine(["busybox"], async (machine) => {
    ok(await machine.run(["run", "--name", "box", "busybox", "touch", "/x"]));
    for (const stage of ["build", "test"])
      ok(await machine.run(["commit", "-c", `LABEL stage=${stage}`, "box", stage]));
    ok(await machine.run(["image", "prune", "-a", "-f", "--filter", "label=stage=build"]));
    expect(
      ok(await machine.run(["images", "--format", "{{.Repository}}"]))
        .split("\n")
        .sort(),
    ).toEqual(["busybox", "test"]);
    ok(await machine.run(["rmi", "test"]));
    ok(await machine.run(["rm", "box"]));
    const refused = await machine.run(["run", "-Z", "busybox"]);
    expect([refused.code, said(refused)]).toEqual([
      125,
      "tinydocker: unknown option -Z\ntinydocker: hint: see tinydocker run --help\n",
    ]);
  });
});
