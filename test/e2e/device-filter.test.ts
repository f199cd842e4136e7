/** What a container may do with devices: what nobody allowed it can make a node of, and not open (R21). */

import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { openDevices } from "../support/devices.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";
import { runtimeSandbox } from "../support/runtimes.ts";

const test = needing(root);

const alone = ["--network", "none"];
/** What the kernel's log asks for beside. */
const mayReadLog = ["--cap-add", "SYSLOG"];

async function opened(machine: Machine, options: string[], ...devices: string[]): Promise<string[]> {
  const { stdout, stderr } = await machine.sh(openDevices(devices), [...alone, ...mayReadLog, ...options]);
  return (stdout + stderr).trim().split("\n");
}

describe("the device filter", () => {
  test("lets a container open its own devices, and make but not open any other", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(await opened(machine, [], "c 1 3", "c 1 5", "c 1 7", "c 1 8", "c 1 9")).toEqual(
        ["c 1:3", "c 1:5", "c 1:7", "c 1:8", "c 1:9"].map((device) => `${device} rw`),
      );
      const others = ["c 1 1", "c 1 2", "c 1 4", "c 1 11", "c 4 0", "c 10 200", "b 7 0", "b 8 0", "b 254 0", "b 259 0"];
      expect(await opened(machine, [], ...others)).toEqual(
        others.map((device) => `${device.replace(/ (\d+)$/, ":$1")} --`),
      );
      // Its terminal, too.
      expect((await machine.sh("echo seen >/dev/tty; echo too >/dev/console", ["-t", ...alone])).stdout).toBe(
        "seen\r\ntoo\r\n",
      );
    });
  });
  test("is that of exec, of a health check and of a later start, too, whatever their capabilities are", async () => {
    await withMachine(["busybox"], async (machine) => {
      const check = [
        "--health-cmd",
        "mknod /h c 1 11; head -c0 /h",
        "--health-interval",
        "1s",
        "--health-retries",
        "1",
      ];
      await detached(machine, "box", forever, [...alone, ...check]);
      for (const _ of [1, 2]) {
        for (const options of [[], ["--privileged"], ["-u", "0"]]) {
          const result = await machine.run(["exec", ...options, "box", "sh", "-c", openDevices(["c 1 11", "c 1 3"])]);
          expect(result.stdout).toBe("c 1:11 --\nc 1:3 rw\n");
        }
        expect(ok(await machine.run(["wait", "--condition", "unhealthy", "box"]))).toBeDefined();
        ok(await machine.run(["restart", "-t", "0", "box"]));
      }
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("is none with --privileged, which has the host's devices", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(await opened(machine, ["--privileged"], "c 1 11", "c 1 5")).toEqual(["c 1:11 rw", "c 1:5 rw"]);
      expect((await machine.sh("ls /dev/kmsg", ["--privileged", ...alone])).stdout).toBe("/dev/kmsg\n");
    });
  });
});

describe("what is allowed beside", () => {
  test("--device lets its device be opened as it says", async () => {
    await withMachine(["busybox"], async (machine) => {
      const kmsg = (access: string) => opened(machine, ["--device", `/dev/kmsg:/dev/k${access}`], "c 1 11", "c 1 1");
      expect(await kmsg(":r")).toEqual(["c 1:11 r-", "c 1:1 --"]);
      expect(await kmsg(":w")).toEqual(["c 1:11 -w", "c 1:1 --"]);
      expect(await kmsg("")).toEqual(["c 1:11 rw", "c 1:1 --"]);
      // Also where it is shown elsewhere than in /dev.
      const elsewhere = ["--device", "/dev/kmsg:/k:r"];
      const { stdout } = await machine.sh("head -c0 /k && echo read; echo x >/k || echo refused", [
        ...alone,
        ...mayReadLog,
        ...elsewhere,
      ]);
      expect(stdout).toBe("read\nrefused\n");
    });
  });
  test("--device-cgroup-rule, of a type, with numbers or any", async () => {
    await withMachine(["busybox"], async (machine) => {
      const rules = (...all: string[]) => all.flatMap((rule) => ["--device-cgroup-rule", rule]);
      expect(await opened(machine, rules("c 1:11 r"), "c 1 11", "c 1 1")).toEqual(["c 1:11 r-", "c 1:1 --"]);
      expect(await opened(machine, rules("c 1:* r", "c 1:11 w"), "c 1 11")).toEqual(["c 1:11 rw"]);
      expect((await opened(machine, rules("b *:* rwm"), "c 1 11", "b 7 77"))[0]).toBe("c 1:11 --");
      expect(await opened(machine, rules("a *:* rwm"), "c 1 11")).toEqual(["c 1:11 rw"]);
    });
  });
  test("a vendor's permissions of a device node (CDI)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const directory = machine.file("cdi/");
      const node = (permissions: string) => ({ path: "/dev/k", hostPath: "/dev/kmsg", permissions });
      const device = (name: string, permissions: string) => ({
        name,
        containerEdits: { deviceNodes: [node(permissions)] },
      });
      const devices = [device("read", "r"), device("wrong", "rx")];
      writeFileSync(join(directory, "v.json"), JSON.stringify({ cdiVersion: "0.6.0", kind: "v.com/k", devices }));
      const config = machine.file("config.json", JSON.stringify({ "cdi-spec-dirs": [directory] }));
      const run = (name: string) =>
        machine.run([
          ...["--config", config, "run", "--rm", ...alone, ...mayReadLog, "--device", `v.com/k=${name}`],
          ...["busybox", "sh", "-c", openDevices(["c 1 11"])],
        ]);
      expect(ok(await run("read"))).toBe("c 1:11 r-");
      const wrong = await run("wrong");
      expect([wrong.code, said(wrong)]).toEqual([125, expect.stringContaining('permissions "rx" of /dev/k')]);
      await machine.exec(["rm", "-r", directory, config]);
    });
  });
  test("is what explain shows", async () => {
    await withMachine(["busybox"], async (machine) => {
      const explain = async (...options: string[]) =>
        ok(await machine.run(["explain", "run", ...options, "busybox", "true"]));
      const text = await explain("--device", "/dev/kmsg:/dev/k:r", "--device-cgroup-rule", "c 42:* rwm");
      expect(text).toContain('device-filter rules=["deny a *:* rwm","c 1:11 r","c 42:* rwm","a *:* m","c 1:3 rwm"');
      expect(text).toContain("attach-device-filter cgroup=");
      expect(await explain("--privileged")).not.toContain("device-filter");
    });
  });
});

describe("where the kernel takes no filter", () => {
  const traced = needing(root, tool("strace"));
  /** A kernel that answers bpf(2) with an error. */
  const run = (machine: Machine, code: string, ...options: string[]) =>
    machine.exec([
      ...["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=bpf", "-e", `inject=bpf:error=${code}`],
      ...[binary(), "run", "--rm", ...alone, ...options, "busybox", "true"],
    ]);

  traced("a container starts with a warning, unless it has asked for rules", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const code of ["EPERM", "ENOSYS", "EINVAL"]) {
        const plain = await run(machine, code);
        expect([plain.code, said(plain)]).toEqual([0, expect.stringContaining("the device filter is off")]);
        expect(said(plain)).toContain(code);
        for (const asked of [
          ["--device-cgroup-rule", "c 42:* rwm"],
          ["--device", "/dev/kmsg:/dev/k:r"],
        ]) {
          const refused = await run(machine, code, ...asked);
          expect([refused.code, said(refused)]).toEqual([125, expect.stringContaining("cannot filter devices")]);
        }
        expect((await run(machine, code, "--privileged")).stderr).toBe("");
      }
      const broken = await run(machine, "ENOMEM");
      expect([broken.code, said(broken)]).toEqual([125, expect.stringContaining("ENOMEM")]);
    });
  });
});

describe("update --device-cgroup-rule", () => {
  const kmsg = ["sh", "-c", openDevices(["c 1 11", "c 1 3"])];

  test("adds rules to a container while it runs, for its next starts, too", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever, [...alone, ...mayReadLog, "--device-cgroup-rule", "c 1:4 r"]);
      const seen = async () => ok(await machine.run(["exec", "box", ...kmsg])).split("\n")[0];
      expect(await seen()).toBe("c 1:11 --");
      ok(await machine.run(["update", "--device-cgroup-rule", "c 1:11 r", "box"]));
      expect(await seen()).toBe("c 1:11 r-");
      ok(await machine.run(["update", "--device-cgroup-rule", "c 1:11 w", "box"]));
      expect(await seen()).toBe("c 1:11 rw");
      const rules = ok(await machine.run(["inspect", "-f", "{{json .HostConfig.DeviceCgroupRules}}", "box"]));
      expect(JSON.parse(rules)).toEqual(["c 1:4 r", "c 1:11 r", "c 1:11 w"]);
      ok(await machine.run(["restart", "-t", "0", "box"]));
      expect(await seen()).toBe("c 1:11 rw");
      ok(await machine.run(["stop", "-t", "0", "box"]));
      ok(await machine.run(["update", "--device-cgroup-rule", "a *:* rwm", "box"]));
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("leaves the filters of others on the cgroup, and a privileged container without one", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "free", forever, [...alone, "--privileged"]);
      ok(await machine.run(["update", "--device-cgroup-rule", "c 1:11 r", "free"]));
      expect(ok(await machine.run(["exec", "--privileged", "free", ...kmsg]))).toBe("c 1:11 rw\nc 1:3 rw");
      ok(await machine.run(["rm", "-f", "free"]));
    });
  });
  test("refuses what is no rule, and changes nothing where the kernel takes none", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever, alone);
      for (const rule of ["c 1:11", "x 1:1 r", ""])
        expect((await machine.run(["update", "--device-cgroup-rule", rule, "box"])).code).toBe(125);
      expect(ok(await machine.run(["inspect", "-f", "{{json .HostConfig.DeviceCgroupRules}}", "box"]))).toBe("null");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

describe("linux.resources.devices of a bundle", () => {
  test("is gone through in its order, and the container's own devices are always there", async () => {
    await using box = await runtimeSandbox("tinydocker");
    const script = openDevices(["c 1 11", "c 1 3", "b 7 0"]);
    const run = async (devices?: object[]) => {
      const bundle = box.bundle("b", ["sh", "-c", script], (config) => {
        for (const set of ["bounding", "effective", "permitted"] as const)
          config.process.capabilities[set] = ["CAP_MKNOD", "CAP_SYSLOG", "CAP_DAC_OVERRIDE"];
        config.root.readonly = false;
        config.linux.resources = devices ? { devices } : undefined;
      });
      return (await box.call(["run", "-b", bundle, "c"])).stdout.trim().split("\n");
    };
    expect(await run()).toEqual(["c 1:11 --", "c 1:3 rw", "b 7:0 --"]);
    const deny = { allow: false, access: "rwm" };
    const kmsg = { allow: true, type: "c", major: 1, minor: 11 };
    expect(await run([deny, { ...kmsg, access: "r" }])).toEqual(["c 1:11 r-", "c 1:3 rw", "b 7:0 --"]);
    expect(await run([{ ...kmsg, access: "rw" }, deny])).toEqual(["c 1:11 --", "c 1:3 rw", "b 7:0 --"]);
    expect(await run([{ allow: true }, { ...kmsg, allow: false, access: "w" }])).toEqual(
      expect.arrayContaining(["c 1:11 r-", "c 1:3 rw"]),
    );
  });
});
