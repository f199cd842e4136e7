/** Hooks of config.json that fail, or do not end, as the runtime specification has it. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { readFileIfAny } from "../../src/linux/file.ts";
import {
  type BundleMachine,
  isOurs,
  merged,
  plainConfig,
  runtimeName,
  test,
  testOurs,
  withBundle,
} from "../support/bundle.ts";

/** Those at which the container comes to its end, in the order of its life. */
const fatal = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"] as const;
const ofCreate: readonly string[] = fatal.slice(0, 3);

/** The same script outside and inside of the root. @returns where a hook of a kind finds it. */
function scripts(machine: BundleMachine, name: string, script: string): (kind: string) => string {
  const outside = machine.file(name, script, 0o755);
  machine.file(`rootfs/${name}`, script, 0o755);
  return (kind) => (kind === "startContainer" ? `/${name}` : outside);
}

/** Hooks after one that failed, which are to run or not. */
const noteOf = (machine: BundleMachine, name: string) => {
  const path = machine.file(`${name}.sh`, `#!/bin/sh\necho x >>"${machine.path(name)}"\n`, 0o755);
  return { hook: { path }, noted: () => existsSync(machine.path(name)) };
};

describe("a hook that fails", () => {
  test("before the program runs: an error, and the container is gone (M10, M11, M12, M13)", async () => {
    await withBundle(async (machine) => {
      const path = scripts(machine, "fail.sh", "#!/bin/sh\necho reason >&2\nexit 3\n");
      for (const kind of fatal.slice(0, 4)) {
        const later = noteOf(machine, `later-${kind}`);
        const hooks = { [kind]: [{ path: path(kind) }, ...(kind === "startContainer" ? [] : [later.hook])] };
        const marker = { process: { args: ["touch", `/ran-${kind}`] } };
        machine.configure(marker, { hooks });
        const created = await machine.create(kind);
        const { code, stderr } = ofCreate.includes(kind) ? created : await machine.runtime(["start", kind]);
        // The start of the others has ended by then.
        if (isOurs || ofCreate.includes(kind)) expect([kind, code]).not.toEqual([kind, 0]);
        if (isOurs) expect(stderr).toContain(`the ${kind} hook ${path(kind)} ended with 3: reason`);
        if (isOurs || ofCreate.includes(kind))
          expect([kind, (await machine.runtime(["state", kind])).code]).not.toEqual([kind, 0]);
        else await machine.runtime(["delete", "--force", kind]);
        expect([kind, later.noted(), existsSync(machine.path(`rootfs/ran-${kind}`))]).toEqual([kind, false, false]);
      }
    });
  });

  // crun goes on, as the specification had it until 1.2.0.
  test("of poststart: an error, and the container is stopped and gone (M15)", async () => {
    await withBundle(async (machine) => {
      const path = machine.file("fail.sh", "#!/bin/sh\necho reason >&2\nexit 3\n", 0o755);
      const after = noteOf(machine, "after");
      const hooks = { poststart: [{ path }], poststop: [after.hook] };
      machine.configure({ process: { args: ["sleep", "100"] } }, { hooks });
      if (runtimeName === "crun") return;
      const created = await machine.create("one");
      const pid = isOurs ? JSON.parse((await machine.runtime(["state", "one"])).stdout).pid : 0;
      // runc has it at the end of create.
      const { code, stderr } = created.code === 0 ? await machine.runtime(["start", "one"]) : created;
      expect(code).not.toBe(0);
      await machine.runtime(["delete", "--force", "one"]);
      if (!isOurs) return;
      expect(stderr).toContain(`the poststart hook ${path} ended with 3: reason`);
      // Whoever inherits it may not have waited for it yet.
      expect([readFileIfAny(`/proc/${pid}/cmdline`) || undefined, after.noted()]).toEqual([undefined, true]);
      const run = await machine.runtime(["run", "two"]);
      expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("the poststart hook")]);
      expect((await machine.runtime(["state", "two"])).code).not.toBe(0);
    });
  });

  test("of poststop is a warning: 'the remaining hooks and lifecycle continue as if the hook had succeeded' (M17)", async () => {
    await withBundle(async (machine) => {
      const path = machine.file("fail.sh", "#!/bin/sh\nexit 3\n", 0o755);
      const after = noteOf(machine, "after");
      const { code, stderr } = await machine.runBundle({ hooks: { poststop: [{ path }, after.hook] } });
      expect(code).toBe(0);
      // runc leaves out those after it.
      if (isOurs) expect([after.noted(), stderr]).toEqual([true, expect.stringContaining("the poststop hook")]);
    });
  });

  testOurs("of any kind before poststop: poststop hooks run, after all else is gone", async () => {
    await withBundle(async (machine) => {
      const path = scripts(machine, "fail.sh", "#!/bin/sh\nexit 3\n");
      for (const kind of fatal) {
        const state = `"${machine.state}/one"`;
        const stop = machine.file(
          "stop.sh",
          `#!/bin/sh\n{ [ -e ${state} ] && echo there || echo gone; cat; } >"${machine.path(kind)}"\n`,
          0o755,
        );
        machine.configure({ hooks: { [kind]: [{ path: path(kind) }], poststop: [{ path: stop }] } });
        expect([kind, (await machine.runtime(["run", "one"])).code]).toEqual([kind, 1]);
        const [there, json] = machine.read(kind).split("\n");
        expect([kind, there, JSON.parse(json!)]).toEqual([
          kind,
          "gone",
          expect.objectContaining({ id: "one", status: "stopped" }),
        ]);
      }
    });
  });
});

describe("timeout", () => {
  test("'the number of seconds before aborting the hook': an error, of poststop a warning; with ours, with all that it has started", async () => {
    await withBundle(async (machine) => {
      const script = isOurs ? "sleep 100 &\nsleep 100" : "exec sleep 100";
      const path = scripts(machine, "slow.sh", `#!/bin/sh\n${script}\n`);
      const kinds = isOurs ? [...fatal, "poststop"] : ofCreate.slice(0, 2);
      const ends = await Promise.all(
        kinds.map(async (kind) => {
          const hooks = { [kind]: [{ path: path(kind), timeout: 1 }] };
          const root = { path: machine.path("rootfs") };
          const linux = { cgroupsPath: `/timeout-${kind}` };
          machine.file(
            `${kind}/config.json`,
            JSON.stringify(merged(plainConfig, { root, hooks, ...(isOurs && { linux }) })),
          );
          const { code, stderr } = await machine.runtime(["run", "--bundle", machine.path(kind), kind]);
          return [kind, code === 0, isOurs ? stderr : ""];
        }),
      );
      expect(ends).toEqual(
        kinds.map((kind) => [
          kind,
          kind === "poststop",
          isOurs ? expect.stringContaining(`the ${kind} hook ${path(kind)} did not end within 1 s`) : "",
        ]),
      );
    });
  });
});
