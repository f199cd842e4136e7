/** `process` of config.json, as the runtime specification has it. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { isOurs, type Json, plainConfig, runtimeName, test, testOurs, withBundle } from "../support/bundle.ts";

/** Of /proc/self/status. */
const status = (name: string) => `sed -n 's/^${name}:[[:space:]]*//p' /proc/self/status`;

describe("process", () => {
  test("cwd: 'is the working directory that will be set for the executable'; args and env are the program's (M61)", async () => {
    await withBundle(async (machine) => {
      expect(await machine.sh("pwd", { process: { cwd: "/usr/bin" } })).toBe("/usr/bin");
      expect(await machine.ask<string[]>("args")).toEqual(["probe", "args"]);
      const env = await machine.ask<string[]>("env", { process: { env: ["PATH=/bin", "A=b c", "A2="] } });
      expect(env).toEqual(expect.arrayContaining(["PATH=/bin", "A=b c", "A2="]));
      if (runtimeName !== "crun") expect(await machine.refusal({ process: { cwd: "tmp" } })).toMatch(/cwd/i);
    });
  });

  test("'If the executable path is not an absolute path then the search $PATH is interpreted'; what is not there is an error", async () => {
    await withBundle(async (machine) => {
      expect((await machine.runBundle({ process: { args: ["true"] } })).code).toBe(0);
      expect((await machine.runBundle({ process: { args: ["no-such-program"] } })).code).not.toBe(0);
      expect((await machine.runBundle({ process: { args: ["/etc/passwd"] } })).code).not.toBe(0);
      expect((await machine.runBundle({ process: { args: ["sh", "-c", "exit 7"] } })).code).toBe(7);
    });
  });

  test("user: uid, gid, additionalGids and umask are the process's", async () => {
    await withBundle(async (machine) => {
      const user = { uid: 1000, gid: 1001, additionalGids: [5, 7], umask: 0o27 };
      const said = await machine.sh("id -u; id -g; id -G; umask", { process: { user } });
      expect(said.split("\n")).toEqual(["1000", "1001", expect.stringContaining("5 7"), "0027"]);
    });
  });

  test("HOME is that of the passwd(5) which the program sees, also where a file or directory is mounted over it", async () => {
    await withBundle(async (machine) => {
      machine.file("mounted/passwd", "root:x:0:0::/root:/bin/sh\nmy:x:1000:1000::/of/my/own:/bin/sh\n");
      const process = { user: { uid: 1000, gid: 1000 } };
      const home = (source: string, destination: string) =>
        machine.sh("echo $HOME", {
          process,
          mounts: [
            ...(plainConfig.mounts as Json[]),
            { type: "bind", source: machine.path(source), destination, options: ["bind"] },
          ],
        });
      expect(await home("mounted/passwd", "/etc/passwd")).toBe("/of/my/own");
      expect(await home("mounted", "/etc")).toBe("/of/my/own");
      if (runtimeName !== "crun") expect(await home("mounted", "/mnt")).toBe("/");
    });
  });

  test("capabilities: the five sets are the process's, and an unknown one is no failure", async () => {
    await withBundle(async (machine) => {
      const sets = {
        bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
        effective: ["CAP_CHOWN", "CAP_KILL"],
        permitted: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
        inheritable: ["CAP_NET_BIND_SERVICE"],
        ambient: ["CAP_NET_BIND_SERVICE"],
      };
      const user = { uid: 1000, gid: 1000 };
      const said = await machine.sh(["Inh", "Bnd", "Amb"].map((set) => status(`Cap${set}`)).join(";"), {
        process: { capabilities: sets, user },
      });
      const bit = (number: number) => 1 << number;
      const [CHOWN, KILL, BIND] = [bit(0), bit(5), bit(10)] as [number, number, number];
      expect(said.split("\n").map((digits) => Number.parseInt(digits, 16))).toEqual([BIND, CHOWN | KILL | BIND, BIND]);
      const odd = { ...sets, bounding: [...sets.bounding, "CAP_FLY"] };
      const { code, stderr } = await machine.runBundle({ process: { capabilities: odd } });
      expect(code).toBe(0);
      if (runtimeName !== "crun") expect(stderr).toContain("CAP_FLY");
    });
  });

  testOurs(
    "capabilities: 'cannot be granted otherwise [...] MUST be logged as a warning'; the runtime does not fail (M69, M19)",
    async () => {
      await withBundle(async (machine) => {
        // This machine's root may lack it; where it does not, it is given.
        const capabilities = Object.fromEntries(
          ["bounding", "effective", "permitted"].map((set) => [set, ["CAP_SYS_RESOURCE"]]),
        );
        expect((await machine.runBundle({ process: { capabilities } })).code).toBe(0);
      });
    },
  );

  test("rlimits: soft and hard are the process's; an unknown type and one that is there twice are errors (M64, M65, M66, M67, M68)", async () => {
    await withBundle(async (machine) => {
      const limit = { type: "RLIMIT_NOFILE", soft: 100, hard: 200 };
      const core = { type: "RLIMIT_CORE", soft: 0, hard: 2 ** 63 };
      const said = await machine.sh("ulimit -Sn; ulimit -Hn; ulimit -Sc", { process: { rlimits: [limit, core] } });
      expect(said.split("\n")).toEqual(["100", "200", "0"]);
      expect(await machine.refusal({ process: { rlimits: [{ ...limit, type: "RLIMIT_FLOPPY" }] } })).toContain(
        "FLOPPY",
      );
      if (isOurs) expect(await machine.refusal({ process: { rlimits: [limit, limit] } })).toContain("rlimits");
    });
  });

  test("noNewPrivileges, oomScoreAdj: are the process's (M70)", async () => {
    await withBundle(async (machine) => {
      expect(await machine.sh("cat /proc/self/oom_score_adj", { process: { oomScoreAdj: 77 } })).toBe("77");
      expect(await machine.sh(status("NoNewPrivs"), { process: { noNewPrivileges: true } })).toBe("1");
      expect(await machine.sh(status("NoNewPrivs"))).toBe("0");
    });
  });

  test("terminal without a console socket that takes it is an error for create", async () => {
    await withBundle(async (machine) => {
      machine.configure({ process: { terminal: true } });
      expect((await machine.runtime(["create", "t"])).code).not.toBe(0);
    });
  });

  testOurs("scheduler and ioPriority: policy, nice and class are the process's", async () => {
    await withBundle(async (machine) => {
      interface Attributes {
        nice: number;
        policy: number;
        ioprio: number;
      }
      const scheduler = { policy: "SCHED_BATCH", nice: 5 };
      const ioPriority = { class: "IOPRIO_CLASS_BE", priority: 6 };
      const found = await machine.ask<Attributes>("attributes", { process: { scheduler, ioPriority } });
      expect(found).toMatchObject({ nice: 5, policy: 3, ioprio: (2 << 13) + 6 });
      const real = { policy: "SCHED_FIFO", priority: 3, flags: ["SCHED_FLAG_RESET_ON_FORK"] };
      const { policy } = await machine.ask<Attributes>("attributes", { process: { scheduler: real } });
      expect(policy & 0xff).toBe(1);
      const wrong = { policy: "SCHED_FIFO", priority: 1000 };
      expect(await machine.refusal({ process: { scheduler: wrong } })).toContain("SCHED_FIFO");
    });
  });

  testOurs("execCPUAffinity: who joins the container runs on the CPUs of `final`", async () => {
    await withBundle(async (machine) => {
      const execCPUAffinity = { initial: "0", final: "0" };
      machine.configure({ process: { args: ["sleep", "100"], execCPUAffinity } });
      expect((await machine.create("one")).code).toBe(0);
      expect((await machine.runtime(["start", "one"])).code).toBe(0);
      const { stdout } = await machine.runtime(["exec", "one", "sh", "-c", status("Cpus_allowed_list")]);
      expect(stdout).toBe("0\n");
      expect((await machine.runtime(["delete", "--force", "one"])).code).toBe(0);
    });
  });

  testOurs("a configuration that lacks what is required is an error that names it", async () => {
    await withBundle(async (machine) => {
      expect(await machine.refusal({ process: { args: undefined } })).toContain("process.args");
      expect(await machine.refusal({ process: undefined })).toContain("process");
      expect(await machine.refusal({ root: undefined })).toContain("root");
      expect(await machine.refusal({ ociVersion: undefined })).toContain("ociVersion");
      expect(await machine.refusal({ process: { apparmorProfile: "no-such-profile" } })).toContain("no-such-profile");
      expect(await machine.refusal({ process: { selinuxLabel: "a:b:c:d" } })).toContain("a:b:c:d");
    });
  });

  test("'MUST ignore unknown properties': a property that nobody knows changes nothing (M98)", async () => {
    await withBundle(async (machine) => {
      expect(await machine.sh("echo ran", { surprise: { a: 1 }, process: { colour: "red" } })).toBe("ran");
      expect(plainConfig).not.toHaveProperty("surprise");
    });
  });
});
