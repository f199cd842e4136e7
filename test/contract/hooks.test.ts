/** `hooks` of config.json, as the runtime specification has them. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { existsSync, readlinkSync, rmSync } from "node:fs";
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
  test("each is called at its moment, and 'the state of the container MUST be passed to hooks over stdin' (M85, M86, M87, M88, M89, M90, M91, M92, M93)", async () => {
    await withBundle(async (machine) => {
      const annotations = { "com.example.key": "value" };
      machine.configure({ process: { args: ["sleep", "100"] } }, { hooks: noting(machine), annotations });
      expect(await machine.create("one")).toMatchObject({ code: 0 });
      // The others have an order of their own, and may run one more than once; runc has poststart here until 1.4.
      const seen = notes(machine).flatMap(([kind]) => (isOurs || kind !== "poststart" ? [kind] : []));
      expect(isOurs ? seen : new Set(seen)).toEqual(isOurs ? firstKinds : new Set(firstKinds));
      expect(notes(machine, "rootfs/hooks.log")).toEqual([]);
      const { stdout } = await machine.runtime(["state", "one"]);
      const { pid } = JSON.parse(stdout) as State;
      const common = { id: "one", bundle: machine.bundle, annotations };
      const [, created] = notes(machine).find(([kind]) => kind === "createRuntime")!;
      expect(created).toMatchObject({ ...common, pid });
      expect((await machine.runtime(["start", "one"])).code).toBe(0);
      if (runtimeName === "crun") return; // whose start ends while the hook may still write
      const inside = notes(machine, "rootfs/hooks.log");
      expect(inside.map(([kind]) => kind)).toEqual(["startContainer"]);
      const [kind, started] = notes(machine).at(-1)!;
      expect(kind).toBe("poststart");
      expect(started).toMatchObject({ ...common, pid });
      expect((await machine.runtime(["delete", "--force", "one"])).code).toBe(0);
      const [last, stopped] = notes(machine).at(-1)!;
      expect([last, stopped.status]).toEqual(["poststop", "stopped"]);
      if (!isOurs) return;
      const ociVersion = expect.stringMatching(/^1\.\d+\.\d+$/);
      expect([...notes(machine).slice(0, 3), ...inside, ...notes(machine).slice(3)]).toEqual(
        [
          ["prestart", "creating", pid],
          ["createRuntime", "creating", pid],
          // "For hooks executed in the container namespace, it is the pid as seen by the container."
          ["createContainer", "creating", 1],
          ["startContainer", "created", 1],
          ["poststart", "running", pid],
          ["poststop", "stopped", undefined],
        ].map(([name, status, seen]) => [
          name as string,
          expect.objectContaining({ ociVersion, status, ...common, ...(seen !== undefined && { pid: seen }) }),
        ]),
      );
    });
  });

  test("'Hooks MUST be called in the listed order', with their args and env (M84)", async () => {
    await withBundle(async (machine) => {
      const log = machine.path("order.log");
      const path = machine.file("say.sh", `#!/bin/sh\necho "$0 $* $WHO" >>"${log}"\n`, 0o755);
      const hook = (...words: string[]) => ({ path, args: ["zero", ...words], env: [`WHO=${words[0]}`] });
      await machine.sh("true", { hooks: { createRuntime: [hook("one"), hook("two", "three")] } });
      expect(machine.read("order.log").trim().split("\n")).toEqual([`${path} one one`, `${path} two three two`]);
    });
  });

  test("paths and processes are of the runtime's namespaces, those of createContainer and startContainer of the container's (M78, M79, M80, M81, M82, M83)", async () => {
    await withBundle(async (machine) => {
      const script = (log: string) =>
        `#!/bin/sh\necho "$(readlink /proc/self/ns/uts) $(cat /proc/sys/kernel/hostname)" >${log}\n`;
      // The one is not in the container's root, and the other nowhere else.
      const path = machine.file("ns.sh", script(machine.path('"$1"')), 0o755);
      machine.file("rootfs/ns.sh", script("/$1"), 0o755);
      const hook = (name: string, at = path) => [{ path: at, args: ["ns", name] }];
      const outside = ["prestart", "createRuntime", "poststart", "poststop"];
      const own = await machine.sh("readlink /proc/self/ns/uts; sleep 0.1", {
        hostname: "inside",
        hooks: {
          ...Object.fromEntries(outside.map((kind) => [kind, hook(kind)])),
          createContainer: hook("createContainer"),
          startContainer: hook("startContainer", "/ns.sh"),
        },
      });
      const ours = readlinkSync("/proc/self/ns/uts");
      for (const kind of outside) expect([kind, machine.read(kind).split(" ")[0]]).toEqual([kind, ours]);
      // The others give it its name later.
      expect(machine.read("createContainer").trim()).toStartWith(isOurs ? `${own} inside` : own);
      expect(machine.read("rootfs/startContainer").trim()).toBe(`${own} inside`);
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

  testOurs("a hook that is not there, has no absolute path or a timeout of nothing, is named (M76, M77)", async () => {
    await withBundle(async (machine) => {
      expect(await machine.refusal({ hooks: { createRuntime: [{ path: "/no/such/hook" }] } })).toContain(
        "/no/such/hook",
      );
      expect(await machine.refusal({ hooks: { createContainer: [{ path: "/no/such/hook" }] } })).toContain(
        "/no/such/hook",
      );
      expect(await machine.refusal({ hooks: { poststop: [{ path: "hook" }] } })).toContain("hooks.poststop[0].path");
      const timeless = { hooks: { poststop: [{ path: "/bin/true", timeout: 0 }] } };
      expect(await machine.refusal(timeless)).toContain("hooks.poststop[0].timeout");
    });
  });
});
