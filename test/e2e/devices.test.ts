/** Devices of the host in a container: by --device, and by what vendors say in files (CDI). */

import { describe, expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { ok, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

const alone = ["--network", "none"];

/** `NAME mode owner group major,minor` of devices inside. */
async function nodes(machine: Machine, options: string[], ...paths: string[]): Promise<string[]> {
  const { stdout } = await machine.sh(`stat -c '%n %a %u %g %t,%T' ${paths.join(" ")} 2>&1`, [...alone, ...options]);
  return stdout.trim().split("\n");
}

/** Why a run was refused. */
async function refusal(machine: Machine, ...options: string[]): Promise<string> {
  const result = await machine.container([...alone, ...options, "busybox", "true"]);
  expect([options, result.code]).toEqual([options, 125]);
  return said(result);
}

describe("--device", () => {
  test("makes a node in the container's own /dev, with the host's owner and mode, or a bind elsewhere", async () => {
    await withMachine(["busybox"], async (machine) => {
      const directory = machine.file("nodes/");
      await machine.exec(["mknod", "-m", "640", join(directory, "one"), "c", "1", "3"]);
      await machine.exec(["chown", "7:8", join(directory, "one")]);
      mkdirSync(join(directory, "below"));
      await machine.exec(["mknod", "-m", "600", join(directory, "below/two"), "c", "1", "5"]);
      writeFileSync(join(directory, "file"), "no device\n");
      await machine.exec(["ln", "-s", "one", join(directory, "link")]);
      const one = join(directory, "one");
      expect(await nodes(machine, ["--device", `${one}:/dev/a/one`], "/dev/a/one")).toEqual(["/dev/a/one 640 7 8 1,3"]);
      expect(await nodes(machine, ["--device", `${directory}/link:/dev/l:r`], "/dev/l")).toEqual([
        "/dev/l 640 7 8 1,3",
      ]);
      expect(await nodes(machine, ["--device", `${one}:/else/one`], "/else/one")).toEqual(["/else/one 640 7 8 1,3"]);
      expect(
        await nodes(machine, ["--device", `${directory}:/dev/d`], "/dev/d/one", "/dev/d/below/two", "/dev/d/file"),
      ).toEqual(["/dev/d/one 640 7 8 1,3", "/dev/d/below/two 600 0 0 1,5", expect.stringContaining("No such file")]);
      // In place of one that every container has, and again: what is said last counts.
      const twice = ["--privileged", "--device", `${one}:/dev/full`, "--device", "/dev/zero:/dev/null"];
      expect(await nodes(machine, twice, "/dev/full", "/dev/null")).toEqual([
        "/dev/full 640 7 8 1,3",
        "/dev/null 666 0 0 1,5",
      ]);
      expect(
        (await machine.sh("echo x >/else/n && echo written", [...alone, "--device", "/dev/null:/else/n"])).stdout,
      ).toBe("written\n");
      await machine.exec(["rm", "-r", directory]);
    });
  });
  test("is what inspect tells, and what a later start has again", async () => {
    await withMachine(["busybox"], async (machine) => {
      const options = [
        "--device",
        "/dev/null:/dev/n:rw",
        "--device",
        "/dev/zero",
        "--device-cgroup-rule",
        "c 42:* rwm",
      ];
      const script = "ls /dev/n /dev/zero; echo >>/started; wc -l </started";
      ok(await machine.run(["create", "--name", "box", ...alone, ...options, "busybox", "sh", "-c", script]));
      const config = JSON.parse(ok(await machine.run(["inspect", "-f", "{{json .HostConfig}}", "box"])));
      expect(config).toMatchObject({
        Devices: [
          { PathOnHost: "/dev/null", PathInContainer: "/dev/n", CgroupPermissions: "rw" },
          { PathOnHost: "/dev/zero", PathInContainer: "/dev/zero", CgroupPermissions: "rwm" },
        ],
        DeviceCgroupRules: ["c 42:* rwm"],
        DeviceRequests: null,
      });
      for (const times of [1, 2])
        expect(ok(await machine.run(["start", "-a", "box"])).split("\n")).toEqual(["/dev/n", "/dev/zero", `${times}`]);
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("of what is no device, or is not there, is refused, and nothing is left", async () => {
    await withMachine(["busybox"], async (machine) => {
      const empty = machine.file("empty/");
      for (const [device, why] of [
        ["/dev/no-such", "there is no /dev/no-such on this host"],
        ["/etc/passwd", "/etc/passwd is not a device"],
        [empty, "there is no device in the directory"],
        ["null", "does not name a device of the host"],
        ["/dev/null:/proc/x", "nothing can be mounted over /proc"],
        ["/dev/null:/dev/x:rwx", 'says "rwx"'],
      ])
        expect(await refusal(machine, "--device", device!)).toContain(why!);
      await machine.exec(["rmdir", empty]);
    });
  });
});

const vendor = `
cdiVersion: "0.6.0"
kind: vendor.com/gpu
containerEdits:
  env: [VENDOR=yes]
  additionalGids: [44, 109]
devices:
  - name: "0"
    containerEdits:
      deviceNodes:
        - { path: /dev/gpu0, hostPath: /dev/null, fileMode: 0o640, uid: 7 }
      mounts:
        - { hostPath: HOST/lib, containerPath: /opt/lib, options: [ro, nosuid, nodev, bind] }
      env: ["GPU=0"]
  - name: all
    containerEdits:
      deviceNodes: [{ path: /dev/zero }]
`;

describe("the Container Device Interface", () => {
  /** Files of vendors, and a configuration that says where they are. */
  async function withVendors(
    files: Record<string, string>,
    use: (machine: Machine, run: (...words: string[]) => ReturnType<Machine["run"]>) => Promise<void>,
  ): Promise<void> {
    await withMachine(["busybox"], async (machine) => {
      const directory = machine.file("cdi/");
      machine.file("lib/library.so", "a library\n");
      for (const [name, text] of Object.entries(files))
        writeFileSync(join(directory, name), text.replaceAll("HOST", machine.directory));
      const config = machine.file("config.json", JSON.stringify({ "cdi-spec-dirs": [directory] }));
      await use(machine, (...words) => machine.run(["--config", config, ...words]));
      await machine.exec(["rm", "-r", directory, config, join(machine.directory, "lib")]);
    });
  }
  const run = ["run", "--rm", ...alone];
  const ask = [
    "busybox",
    "sh",
    "-c",
    "echo $VENDOR $GPU; id -G; stat -c '%n %a %u %t' /dev/gpu0; cat /opt/lib/library.so",
  ];

  test("gives nodes, mounts and variables to who asks for a device by its name, or for GPUs", async () => {
    await withVendors({ "vendor.yaml": vendor }, async (machine, td) => {
      const all = "yes 0\n0 44 109\n/dev/gpu0 640 7 1\na library";
      expect(ok(await td(...run, "--device", "vendor.com/gpu=0", ...ask))).toBe(all);
      expect(ok(await td(...run, "--gpus", "1", ...ask))).toBe(all);
      expect(ok(await td(...run, "--gpus", "device=0", ...ask))).toBe(all);
      expect(ok(await td(...run, "--gpus", "all", "busybox", "sh", "-c", "echo $VENDOR"))).toBe("yes");
      ok(await td("create", "--name", "box", ...alone, "--device", "vendor.com/gpu=0", "--gpus", "all", "busybox"));
      expect(JSON.parse(ok(await machine.run(["inspect", "box"])))[0].HostConfig.DeviceRequests).toEqual([
        { Driver: "cdi", Count: 0, DeviceIDs: ["vendor.com/gpu=0"], Capabilities: null, Options: {} },
        { Driver: "", Count: -1, DeviceIDs: null, Capabilities: [["gpu"]], Options: {} },
      ]);
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("says what is missing, or what can't be done, by the file's name", async () => {
    const kind = (name: string, edits: object) =>
      JSON.stringify({ cdiVersion: "0.6.0", kind: `${name}.com/x`, devices: [{ name: "0", containerEdits: edits }] });
    const files = {
      "vendor.yaml": vendor,
      "again.json": kind("twice", {}),
      "and-again.json": kind("twice", {}),
      "hook.json": kind("hook", { hooks: [{ hookName: "beforeAll", path: "/bin/h" }] }),
      "relative.json": kind("relative", { hooks: [{ hookName: "createContainer", path: "bin/h" }] }),
      "gone.json": kind("gone", { deviceNodes: [{ path: "/dev/gone" }] }),
      "out.json": kind("out", { mounts: [{ hostPath: "/tmp", containerPath: "/a/../../proc" }] }),
      "broken.json": "{",
      "kind.json": JSON.stringify({ cdiVersion: "0.6.0", kind: "x", devices: [] }),
    };
    await withVendors(files, async (_machine, td) => {
      for (const [device, ...parts] of [
        ["vendor.com/gpu=7", "there is no device vendor.com/gpu=7", "there are 0, all"],
        ["other.com/gpu=0", "there is no device other.com/gpu=0", "broken.json is not valid"],
        ["twice.com/x=0", "again.json and in", "and-again.json"],
        ["hook.com/x=0", "hook.json is not valid", "hookName"],
        ["relative.com/x=0", "relative.json is not valid", '"bin/h" is not an absolute path'],
        ["gone.com/x=0", "/dev/gone, which", "gone.json names, is not a device"],
        ["out.com/x=0", "out.json", '".." in it'],
      ]) {
        const result = await td(...run, "--device", device!, "busybox", "true");
        expect([device, result.code]).toEqual([device, 125]);
        for (const part of parts) expect(said(result)).toContain(part);
      }
    });
  });
  /** A device whose hooks are this shell script, with their kind as its argument, or some of them others. */
  const hooked = (script: string, ...more: object[]) => {
    const kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
    const all = kinds.map((hookName) => ({ hookName, path: "/bin/sh", args: ["sh", "-c", script, hookName] }));
    const containerEdits = { hooks: [...all, ...more] };
    return JSON.stringify({ cdiVersion: "0.6.0", kind: "vendor.com/x", devices: [{ name: "0", containerEdits }] });
  };
  test("runs the hooks of the files at their moments, with the container's state on their stdin", async () => {
    const script =
      '[ "$0" = startContainer ] && exec cat >/told; { echo "$0 "; cat; echo; } | tr -d "\\n" >>HOST/hooks; echo >>HOST/hooks';
    await withVendors({ "vendor.json": hooked(script) }, async (machine, td) => {
      const told = machine.file("hooks");
      for (const how of [["--rm"], ["--rm", "--init"], ["-d", "--name", "box"]]) {
        writeFileSync(told, "");
        ok(await td("run", ...alone, ...how, "--device", "vendor.com/x=0", "busybox", "sh", "-c", "test -s /told"));
        if (how.includes("-d")) {
          await until(async () => ok(await machine.run(["ps", "-q"])) === "", "it is over");
          expect(ok(await machine.run(["inspect", "-f", "{{.State.ExitCode}}", "box"]))).toBe("0");
          ok(await machine.run(["rm", "box"]));
        }
        const lines = readFileSync(told, "utf8").trim().split("\n");
        const states = lines.map((line) => JSON.parse(line.slice(line.indexOf("{"))));
        expect(lines.map((line) => line.split(" ")[0]!)).toEqual([
          ...["prestart", "createRuntime", "createContainer", "poststart", "poststop"],
        ]);
        expect(states.map(({ status }) => status)).toEqual(["creating", "creating", "creating", "running", "stopped"]);
        expect(new Set(states.map(({ id, bundle }) => bundle.endsWith(`/containers/${id}`)))).toEqual(new Set([true]));
        expect(states[0].pid).toBeGreaterThan(1);
      }
      rmSync(told);
    });
  });
  test("has createContainer hooks change the root before the program sees it, as NVIDIA's do", async () => {
    // They find the root by the bundle's config.json.
    const script = `
      [ "$0" = createContainer ] || exit 0
      root=$(sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/' | { read bundle; sed 's/.*"root":{"path":"\\([^"]*\\)".*/\\1/' $bundle/config.json; })
      ln -s library.so $root/opt/lib.so.1 2>/dev/null || { mkdir -p $root/opt && ln -s library.so $root/opt/lib.so.1; }
      env >$root/opt/env; pwd >$root/opt/pwd`;
    await withVendors({ "vendor.json": hooked(script) }, async (_machine, td) => {
      const options = [...run, "--device", "vendor.com/x=0", "-e", "LD_PRELOAD=/evil.so"];
      const [link, ...rest] = ok(
        await td(...options, "busybox", "sh", "-c", "readlink /opt/lib.so.1; cat /opt/env; cat /opt/pwd"),
      ).split("\n");
      expect(link).toBe("library.so");
      // What an image says of its environment reaches no program of the host (CVE-2025-23266).
      expect(rest.join("\n")).not.toContain("LD_PRELOAD");
      expect(rest.join("\n")).toContain("PATH=/usr/local/sbin:");
    });
  });
  test("ends a run whose hook fails or takes too long, and leaves nothing; poststart may fail", async () => {
    const fail = (hookName: string, command: string, timeout?: number) =>
      hooked("exit 0", { hookName, path: "/bin/sh", args: ["sh", "-c", command], ...(timeout && { timeout }) });
    for (const [text, code, ...words] of [
      [fail("createRuntime", "echo no room; exit 3"), 125, "the createRuntime hook /bin/sh ended with 3: no room"],
      [fail("createContainer", "exit 4"), 125, "the createContainer hook /bin/sh ended with 4"],
      [fail("startContainer", "exit 5"), 125, "the startContainer hook /bin/sh ended with 5"],
      [fail("prestart", "sleep 100", 1), 125, "did not end within 1 s"],
      [fail("poststart", "exit 6"), 0, "the poststart hook /bin/sh ended with 6"],
    ] as const)
      await withVendors({ "vendor.json": text }, async (machine, td) => {
        for (const how of [["--rm"], ["-d", "--rm"]]) {
          const before = machine.snapshot();
          const result = await td("run", ...alone, ...how, "--device", "vendor.com/x=0", "busybox", "true");
          expect([how, result.code]).toEqual([how, code]);
          for (const word of words) if (code !== 0 || how.length === 1) expect(said(result)).toContain(word);
          await until(async () => ok(await machine.run(["ps", "-aq"])) === "", "it is gone");
          await machine.expectNothingLeft(before);
        }
      });
  });
  test("shows the hooks in the plan", async () => {
    await withVendors({ "vendor.json": hooked("exit 0") }, async (_machine, td) => {
      const { stdout } = await td("explain", ...run, "--device", "vendor.com/x=0", "busybox", "true");
      expect(stdout).toContain("createContainer: /bin/sh -c exit 0 createContainer");
    });
  });
  test("names what would make the files where there are none", async () => {
    await withVendors({}, async (_machine, td) => {
      const result = await td(...run, "--gpus", "all", "busybox", "true");
      expect(result.code).toBe(125);
      expect(said(result)).toContain("there is no device nvidia.com/gpu=all");
      expect(said(result)).toContain("nvidia-ctk cdi generate");
    });
  });
});
