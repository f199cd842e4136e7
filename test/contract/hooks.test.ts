/** `hooks` of config.json, as the runtime specification has them. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { type BundleMachine, isOurs, type Json, runtimeName, test, testOurs, withBundle } from "../support/bundle.ts";

const kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
type Kind = (typeof kinds)[number];
/** Those of create. */
const firstKinds: string[] = kinds.slice(0, 3);

/** A hook that notes its kind, and what it finds: one for each kind, all in one file. */
function noting(machine: BundleMachine, more = ""): Record<Kind, Json[]> {
  const script = `#!/bin/sh
kind=$1; shift
{ printf '%s ' "$kind"; cat; echo; } >>"${machine.path("hooks.log")}"
${more}
`;
  const outside = machine.file("hook.sh", script, 0o755);
  // Paths of startContainer are the container's.
  machine.file("rootfs/hook.sh", script.replaceAll(machine.path("hooks.log"), "/hooks.log"), 0o755);
  const of = (kind: Kind) => [{ path: kind === "startContainer" ? "/hook.sh" : outside, args: ["hook", kind] }];
  return Object.fromEntries(kinds.map((kind) => [kind, of(kind)])) as unknown as Record<Kind, Json[]>;
}

interface State {
  ociVersion: string;
  id: string;
  status: string;
  pid?: number;
  bundle: string;
  annotations?: Record<string, string>;
}

/** What hooks have noted: their kinds in order, and the states they were told. */
function notes(machine: BundleMachine, file = "hooks.log"): [kind: string, state: State][] {
  if (!existsSync(machine.path(file))) return [];
  return machine
    .read(file)
    .trim()
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf(" ")), JSON.parse(line.slice(line.indexOf(" ") + 1))]);
}

describe("hooks", () => {
  test("each is called at its moment, and 'the state of the container MUST be passed to hooks over stdin'", async () => {
    await withBundle(async (machine) => {
      const annotations = { "com.example.key": "value" };
      machine.configure({ process: { args: ["sleep", "100"] } }, { hooks: noting(machine), annotations });
      expect(await machine.create("one")).toMatchObject({ code: 0 });
      // The others have an order of their own, and may run one more than once.
      const seen = notes(machine).map(([kind]) => kind);
      // runc calls poststart before the start (github.com/opencontainers/runc/issues/4347).
      const first = runtimeName === "runc" ? [...firstKinds, "poststart"] : firstKinds;
      expect(isOurs ? seen : new Set(seen)).toEqual(isOurs ? first : new Set(first));
      expect(notes(machine, "rootfs/hooks.log")).toEqual([]);
      const { stdout } = await machine.runtime(["state", "one"]);
      const { pid } = JSON.parse(stdout) as State;
      const [, created] = notes(machine).find(([kind]) => kind === "createRuntime")!;
      expect(created).toMatchObject({ id: "one", pid, bundle: machine.bundle, annotations });
      if (isOurs) expect(created.status).toBe("creating");
      expect((await machine.runtime(["start", "one"])).code).toBe(0);
      expect(
        notes(machine, "rootfs/hooks.log").map(([kind, { status }]) => [kind, isOurs ? status : "created"]),
      ).toEqual([["startContainer", "created"]]);
      const [kind, started] = notes(machine).at(-1)!;
      expect(kind).toBe("poststart");
      expect(started.pid).toBe(pid);
      if (isOurs) expect(started.status).toBe("running");
      expect((await machine.runtime(["delete", "--force", "one"])).code).toBe(0);
      const [last, stopped] = notes(machine).at(-1)!;
      expect([last, stopped.status]).toEqual(["poststop", "stopped"]);
    });
  });

  test("'Hooks MUST be called in the listed order', with their args and env", async () => {
    await withBundle(async (machine) => {
      const log = machine.path("order.log");
      const path = machine.file("say.sh", `#!/bin/sh\necho "$0 $* $WHO" >>"${log}"\n`, 0o755);
      const hook = (...words: string[]) => ({ path, args: ["zero", ...words], env: [`WHO=${words[0]}`] });
      await machine.sh("true", { hooks: { createRuntime: [hook("one"), hook("two", "three")] } });
      expect(machine.read("order.log").trim().split("\n")).toEqual([`${path} one one`, `${path} two three two`]);
    });
  });

  test("createRuntime runs in the runtime's namespaces, createContainer and startContainer in the container's", async () => {
    await withBundle(async (machine) => {
      const script = (log: string) =>
        `#!/bin/sh\necho "$(readlink /proc/self/ns/uts) $(cat /proc/sys/kernel/hostname)" >>${log}\n`;
      const path = machine.file("ns.sh", script(machine.path('"$1"')), 0o755);
      machine.file("rootfs/ns.sh", script("/$1"), 0o755);
      const hook = (name: string, at = path) => [{ path: at, args: ["ns", name] }];
      const own = await machine.sh("readlink /proc/self/ns/uts", {
        hostname: "inside",
        hooks: {
          createRuntime: hook("runtime"),
          createContainer: hook("container"),
          startContainer: hook("start", "/ns.sh"),
        },
      });
      expect(machine.read("runtime")).not.toContain(own);
      // The others give it its name later.
      expect(machine.read("container").trim()).toStartWith(isOurs ? `${own} inside` : own);
      expect(machine.read("rootfs/start").trim()).toBe(`${own} inside`);
    });
  });

  // CVE-2025-23266: what the image says of its environment would decide which code a program of the host runs.
  testOurs("createContainer has no variable of the container's, startContainer all", async () => {
    await withBundle(async (machine) => {
      const script = (log: string) => `#!/bin/sh\necho "<$OF_THE_IMAGE>" >>${log}\n`;
      const path = machine.file("env.sh", script(machine.path("outside")), 0o755);
      machine.file("rootfs/env.sh", script("/inside"), 0o755);
      await machine.sh("true", {
        process: { env: ["PATH=/bin", "OF_THE_IMAGE=yes"] },
        hooks: { createRuntime: [{ path }], createContainer: [{ path }], startContainer: [{ path: "/env.sh" }] },
      });
      expect([machine.read("outside"), machine.read("rootfs/inside")]).toEqual(["<>\n<>\n", "<yes>\n"]);
    });
  });
  test("createContainer may mount what the container then has", async () => {
    await withBundle(async (machine) => {
      machine.file("gift/file", "gift");
      const script = `#!/bin/sh\nmkdir -p "${machine.path("rootfs/gift")}" && mount --bind "${machine.path("gift")}" "${machine.path("rootfs/gift")}"\n`;
      const path = machine.file("mount.sh", script, 0o755);
      expect(await machine.sh("cat /gift/file", { hooks: { createContainer: [{ path }] } })).toBe("gift");
    });
  });

  test("a hook that fails before the program runs: an error, and the container is gone", async () => {
    await withBundle(async (machine) => {
      const path = machine.file("fail.sh", "#!/bin/sh\necho reason >&2\nexit 3\n", 0o755);
      machine.file("rootfs/fail.sh", "#!/bin/sh\nexit 3\n", 0o755);
      for (const kind of ["prestart", "createRuntime", "createContainer"] as const) {
        machine.configure({ hooks: { [kind]: [{ path }] } });
        const { code, stderr } = await machine.create(kind);
        expect([kind, code]).not.toEqual([kind, 0]);
        if (isOurs) expect(stderr).toContain(`the ${kind} hook ${path} ended with 3: reason`);
        expect((await machine.runtime(["state", kind])).code).not.toBe(0);
      }
      if (!isOurs) return; // whose start has ended by then
      machine.configure({ hooks: { startContainer: [{ path: "/fail.sh" }] } });
      expect((await machine.create("late")).code).toBe(0);
      expect((await machine.runtime(["start", "late"])).code).not.toBe(0);
      await machine.runtime(["delete", "--force", "late"]);
    });
  });

  testOurs(
    "poststop hooks of a 'delete' that is killed in them are run by the next, which has the container gone",
    async () => {
      await withBundle(async (machine) => {
        const kill = machine.file(
          "kill.sh",
          '#!/bin/sh\nmkdir "$0.once" 2>/dev/null && kill -KILL "$PPID"\nexit 0\n',
          0o755,
        );
        const poststop = [{ path: kill }, ...noting(machine).poststop];
        for (const next of [
          ["delete", "one"],
          ["delete", "--force", "one"],
          ["run", "one"],
        ]) {
          machine.configure({ hooks: { poststop } });
          expect(await machine.create("one")).toMatchObject({ code: 0 });
          expect((await machine.runtime(["delete", "--force", "one"])).code).not.toBe(0);
          expect(notes(machine)).toEqual([]);
          expect((await machine.runtime(["list", "-q"])).stdout).toBe("");
          machine.configure();
          expect(await machine.runtime(next)).toEqual(expect.objectContaining({ code: 0, stderr: "" }));
          expect(notes(machine).map(([kind, { status }]) => [kind, status])).toEqual([["poststop", "stopped"]]);
          expect((await machine.runtime(["delete", "one"])).code).not.toBe(0);
          rmSync(machine.path("hooks.log"));
          rmSync(`${kill}.once`, { recursive: true });
        }
      });
    },
  );

  test("a poststop hook that fails is no failure; nor, with ours, a poststart hook: 'the remaining hooks and lifecycle continue'", async () => {
    await withBundle(async (machine) => {
      const fail = machine.file("fail.sh", "#!/bin/sh\nexit 3\n", 0o755);
      const note = noting(machine).poststop;
      const after = await machine.runBundle({ hooks: { poststop: [{ path: fail }, ...note] } });
      expect(after.code).toBe(0);
      if (!isOurs) return; // runc leaves out those after it
      expect(notes(machine).map(([kind]) => kind)).toEqual(["poststop"]);
      const started = await machine.runBundle({ hooks: { poststart: [{ path: fail }] } });
      expect(started.code).toBe(0);
      expect(started.stderr).toContain(`the poststart hook ${fail} ended with 3`);
    });
  });

  testOurs("timeout: 'the number of seconds before aborting the hook', with all that it has started", async () => {
    await withBundle(async (machine) => {
      const path = machine.file("slow.sh", "#!/bin/sh\nsleep 100 &\nsleep 100\n", 0o755);
      const stderr = await machine.refusal({ hooks: { createRuntime: [{ path, timeout: 1 }] } });
      expect(stderr).toContain(`the createRuntime hook ${path} did not end within 1 s`);
      const inside = await machine.refusal({ hooks: { createContainer: [{ path, timeout: 1 }] } });
      expect(inside).toContain("did not end within 1 s");
    });
  });

  testOurs("a hook that is not there, or is no absolute path, is named", async () => {
    await withBundle(async (machine) => {
      expect(await machine.refusal({ hooks: { createRuntime: [{ path: "/no/such/hook" }] } })).toContain(
        "/no/such/hook",
      );
      expect(await machine.refusal({ hooks: { createContainer: [{ path: "/no/such/hook" }] } })).toContain(
        "/no/such/hook",
      );
      expect(await machine.refusal({ hooks: { poststop: [{ path: "hook" }] } })).toContain("hooks.poststop[0].path");
    });
  });

  testOurs("poststop hooks run for a container that failed in its createRuntime hooks", async () => {
    await withBundle(async (machine) => {
      const fail = machine.file("fail.sh", "#!/bin/sh\nexit 3\n", 0o755);
      await machine.refusal({ hooks: { createRuntime: [{ path: fail }], poststop: noting(machine).poststop } });
      expect(notes(machine).map(([kind, { status }]) => [kind, status])).toEqual([["poststop", "stopped"]]);
    });
  });
});
