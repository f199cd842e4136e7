/** What the runtime specification has of a container's life, beside the command line: the same of ours, runc and crun. */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing, root } from "../support/needs.ts";
import { type Config, installedRuntimes, type RuntimeSandbox, runtimeSandbox } from "../support/runtimes.ts";

const asRoot = needing(root);

for (const name of installedRuntimes())
  describe(name, () => {
    const isOurs = name === "tinydocker";
    // One root for all of them: each ends without a container.
    let box: RuntimeSandbox;
    beforeAll(async () => {
      if (root() === undefined) box = await runtimeSandbox(name);
    });
    afterAll(async () => await box?.[Symbol.asyncDispose]());
    const contract = (title: string, check: (box: RuntimeSandbox) => Promise<void>) =>
      asRoot(title, async () => {
        await check(box);
        await box.call(["delete", "--force", "c"]);
        expect((await box.call(["list", "-q"])).stdout).toBe("");
      });

    contract("the state has the fields of its schema, each of its type, at any moment (M4, M5)", async (box) => {
      const bundle = box.bundle("b", ["sleep", "100"]);
      const text = expect.any(String);
      const of = (status: string) => ({ ociVersion: expect.stringMatching(/^1\.\d+\.\d+/), id: "c", status, bundle });
      await box.call(["create", "-b", bundle, "c"]);
      expect(await box.state("c")).toMatchObject({ ...of("created"), pid: expect.any(Number) });
      await box.call(["start", "c"]);
      const state = await box.state("c");
      expect(state).toMatchObject({ ...of("running"), pid: expect.any(Number), ociVersion: text });
      expect(Object.values(state.annotations ?? {}).every((value) => typeof value === "string")).toBe(true);
      await box.call(["kill", "c", "KILL"]);
      await box.until("c", "stopped");
      expect(await box.state("c")).toMatchObject(of("stopped"));
    });

    contract(
      "each operation fails without an id, and of a container that is not there (M21, M22, M24, M30, M34, M37)",
      async (box) => {
        for (const command of ["state", "start", "kill", "delete"]) {
          expect([command, (await box.call([command])).code]).not.toEqual([command, 0]);
          expect([command, (await box.call([command, "nobody"])).code]).not.toEqual([command, 0]);
        }
        expect((await box.call(["create"])).code).not.toBe(0);
        expect((await box.call(["list", "-q"])).stdout).toBe("");
      },
    );

    contract(
      "a change of config.json after create changes nothing, nor does a bundle that is gone (M9, M6)",
      async (box) => {
        const bundle = box.bundle("b", ["sh", "-c", "hostname >/out"], (config: Config) => {
          config.root.readonly = false;
        });
        await box.call(["create", "-b", bundle, "c"]);
        box.bundle("b", ["sh", "-c", "echo other >/out"], (config: Config) => {
          config.hostname = "other";
        });
        expect((await box.call(["start", "c"])).code).toBe(0);
        await box.until("c", "stopped");
        expect(readFileSync(join(box.rootfs, "out"), "utf8")).toBe("box\n");
        rmSync(bundle, { recursive: true });
        expect((await box.call(["delete", "c"])).code).toBe(0);
      },
    );

    contract(
      "start of one that runs or has ended is an error, and changes nothing; so are signals to one that has ended (M31, M35)",
      async (box) => {
        await box.call(["run", "-d", "-b", box.bundle("b", ["sleep", "100"]), "c"]);
        const running = await box.state("c");
        expect((await box.call(["start", "c"])).code).not.toBe(0);
        expect(await box.state("c")).toEqual(running);
        expect((await box.call(["delete", "c"])).code).not.toBe(0);
        expect(await box.state("c")).toEqual(running);
        await box.call(["kill", "c", "KILL"]);
        await box.until("c", "stopped");
        const stopped = await box.state("c");
        for (const words of [
          ["start", "c"],
          ["kill", "c", "TERM"],
        ])
          expect([words, (await box.call(words)).code]).not.toEqual([words, 0]);
        expect(await box.state("c")).toEqual(stopped);
      },
    );

    contract("a signal reaches the process of one that was created, too (M36)", async (box) => {
      await box.call(["create", "-b", box.bundle("b", ["sleep", "100"]), "c"]);
      expect((await box.call(["kill", "c", "KILL"])).code).toBe(0);
      await box.until("c", "stopped");
    });

    contract("without a process there is no program to start, which is an error (M33, M58)", async (box) => {
      const bundle = box.bundle("b", ["true"], (config: Config) => {
        delete config.process;
      });
      const created = await box.call(["create", "-b", bundle, "c"]);
      const started = await box.call(["start", "c"]);
      expect([created.code, started.code]).not.toEqual([0, 0]);
      if (isOurs) expect(created.stderr).toContain("process");
    });

    contract(
      "an error leaves nothing: no container, mount, process or file; nor does delete, but what was there before (M18, M27, M29, M40)",
      async (box) => {
        const data = join(box.directory, "data");
        mkdirSync(data);
        writeFileSync(join(data, "kept"), "kept");
        const bundle = box.bundle("b", ["sleep", "100"], (config: Config) => {
          config.mounts.push({ destination: "/tmp", type: "bind", source: data, options: ["rbind"] });
        });
        const failing = box.bundle("failing", ["true"], (config: Config) => {
          config.mounts.push({ destination: "/tmp", type: "bind", source: join(data, "missing"), options: ["rbind"] });
        });
        const before = box.snapshot();
        expect((await box.call(["create", "-b", failing, "c"])).code).not.toBe(0);
        expect((await box.call(["state", "c"])).code).not.toBe(0);
        expect((await box.call(["create", "-b", bundle, "c"])).code).toBe(0);
        expect((await box.call(["delete", "--force", "c"])).code).toBe(0);
        const { mounts, files } = box.snapshot();
        expect(mounts).toEqual(before.mounts);
        if (isOurs) expect(files).toEqual(before.files);
        expect([existsSync(box.rootfs), readFileSync(join(data, "kept"), "utf8")]).toEqual([true, "kept"]);
        expect((await box.call(["list", "-q"])).stdout).toBe("");
      },
    );

    contract("a bundle is a directory with a config.json in UTF-8 (M144, M146)", async (box) => {
      const bundle = box.bundle("b", ["sh", "-c", 'echo "$GREETING"'], (config: Config) => {
        config.process.env.push("GREETING=Grüße ☃");
      });
      expect((await box.call(["run", "-b", bundle, "c"])).stdout).toBe("Grüße ☃\n");
      rmSync(join(bundle, "config.json"));
      expect((await box.call(["create", "-b", bundle, "c"])).code).not.toBe(0);
    });

    contract(
      "oom_score_adj is what the bundle says, and the caller's where it says nothing (M70, M71)",
      async (box) => {
        const adjust = ["sh", "-c", 'echo 321 >/proc/self/oom_score_adj; exec "$@"', "sh"];
        const score = async (change: (config: Config) => void) => {
          const bundle = box.bundle("b", ["cat", "/proc/self/oom_score_adj"], change);
          return (await box.call(["run", "-b", bundle, "c"], { under: adjust })).stdout;
        };
        expect(await score(() => {})).toBe("321\n");
        expect(await score((config) => (config.process.oomScoreAdj = 400))).toBe("400\n");
      },
    );

    contract("consoleSize is ignored without a terminal (M59)", async (box) => {
      const bundle = box.bundle("b", ["sh", "-c", "tty; true"], (config: Config) => {
        config.process.consoleSize = { height: 33, width: 44 };
      });
      expect(await box.call(["run", "-b", bundle, "c"])).toMatchObject({ code: 0, stdout: "not a tty\n" });
    });

    contract(
      "a cgroup by an absolute path is below the mount point, the same for the same path; with ours, one in use is an error (M111, M113, M114)",
      async (box) => {
        const bundle = box.bundle("b", ["sh", "-c", "cat /proc/self/cgroup"], (config: Config) => {
          config.linux.cgroupsPath = "/musts/box";
        });
        const seen = async () => (await box.call(["run", "-b", bundle, "c"])).stdout;
        const first = await seen();
        // crun makes none where it lacks CAP_SYS_RESOURCE.
        if (first === "") return expect(name).toBe("crun");
        expect(first).toMatch(/:.*\/musts\/box$/m);
        expect(await seen()).toBe(first);
        if (!isOurs) return; // crun takes it, and runc warns
        const sleeping = box.bundle("sleeping", ["sleep", "100"], (config: Config) => {
          config.linux.cgroupsPath = "/musts/box";
        });
        expect((await box.call(["run", "-d", "-b", sleeping, "c"])).code).toBe(0);
        expect((await box.call(["create", "-b", bundle, "d"])).stderr).toContain("/musts/box");
      },
    );

    contract("rules of devices are applied in their order: the last that fits decides (M118)", async (box) => {
      const odd = { type: "c", major: 1, minor: 200 };
      const opening = async (...rules: object[]) => {
        const bundle = box.bundle("b", ["sh", "-c", "cat /dev/odd 2>&1; true"], (config: Config) => {
          config.linux.devices = [{ path: "/dev/odd", ...odd }];
          config.linux.resources.devices = [{ allow: false, access: "rwm" }, ...rules];
        });
        return (await box.call(["run", "-b", bundle, "c"])).stdout;
      };
      const [allow, deny] = [true, false].map((allow) => ({ allow, access: "rwm", ...odd }));
      // There is no such device, which is told of one that may be opened.
      const allowed = await opening(deny!, allow!);
      // The others do not filter where they make no cgroup.
      if (!isOurs && !allowed.includes("No such device")) return;
      expect(allowed).toContain("No such device");
      const denied = await opening(allow!, deny!);
      if (isOurs) expect(denied).toContain("not permitted");
    });
  });
