/** `root` and `mounts` of config.json, as the runtime specification has them. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { type BundleMachine, isOurs, type Json, plainConfig, test, testOurs, withBundle } from "../support/bundle.ts";
import { binary } from "../support/cli.ts";
import { withSignal } from "../support/life.ts";

/** Beside the mounts that every container has. */
const with_ = (...mounts: Json[]): Json => ({ mounts: [...(plainConfig.mounts as Json[]), ...mounts] });
const bind = (source: string, ...options: string[]): Json => ({ destination: "/data", source, options });
const tmpfs = (destination: string, ...options: string[]): Json => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options,
});

/** The options of a mount, as mountinfo has them: of the mount, and of the file system. */
const optionsOf = (path: string) => `awk '$5 == "${path}" { print $6; print $NF }' /proc/self/mountinfo`;
/** What a mount passes on: `shared:1 master:2`; empty for one that is private. */
const propagationOf = (path: string) =>
  `awk '$5 == "${path}" { for (i = 7; $i != "-"; i++) print $i }' /proc/self/mountinfo`;

async function withData(use: (machine: BundleMachine, data: string) => Promise<void>): Promise<void> {
  await withBundle(async (machine) => {
    machine.file("data/file", "content");
    await use(machine, machine.path("data"));
  });
}

describe("root", () => {
  test("readonly: 'If true then the root filesystem MUST be read-only inside the container' (M46)", async () => {
    await withBundle(async (machine) => {
      expect(await machine.sh("touch /x 2>&1 || true", { root: { readonly: true } })).toContain("Read-only");
      expect(await machine.sh("touch /x && echo made")).toBe("made");
      // Also where something had to be made in it, which a file is mounted on.
      machine.file("data/file", "content");
      const onFile = with_({ ...bind(machine.path("data/file"), "bind"), destination: "/made/file" });
      const readonly = { root: { readonly: true }, ...onFile };
      expect(await machine.sh("cat /made/file; touch /x 2>&1 || true", readonly)).toMatch(/^content.*Read-only/);
    });
  });

  test("path: 'A directory MUST exist at the path declared by the field' (M45)", async () => {
    await withBundle(async (machine) => {
      expect(await machine.refusal({ root: { path: "nowhere" } })).toContain("nowhere");
      expect(await machine.sh("echo absolute", { root: { path: machine.path("rootfs") } })).toBe("absolute");
    });
  });
});

describe("mounts", () => {
  test("'The runtime MUST mount entries in the listed order', and makes destinations that are not there (M48)", async () => {
    await withData(async (machine, data) => {
      const over = with_(tmpfs("/deep/er", "mode=700"), { ...bind(data, "bind"), destination: "/deep/er/below" });
      expect(await machine.sh("cat /deep/er/below/file; stat -c %a /deep/er", over)).toBe("content700");
      const under = with_({ ...bind(data, "bind"), destination: "/deep/er/below" }, tmpfs("/deep/er"));
      expect(await machine.sh("ls /deep/er", under)).toBe("");
    });
  });

  test("bind: sources are paths of the host, or relative to the bundle; files and directories", async () => {
    await withData(async (machine, data) => {
      expect(await machine.sh("cat /data/file", with_(bind(data, "rbind", "rw")))).toBe("content");
      expect(await machine.sh("cat /data/file", with_(bind("data", "bind")))).toBe("content");
      const file = { ...bind(`${data}/file`, "bind", "ro"), destination: "/copy" };
      expect(await machine.sh("cat /copy", with_(file))).toBe("content");
      expect(await machine.refusal(with_(bind(`${data}/missing`, "bind")))).toContain("missing");
    });
  });

  test("ro, nosuid, nodev, noexec, noatime, nodiratime, relatime, strictatime are the mount's", async () => {
    await withData(async (machine, data) => {
      for (const option of ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime"]) {
        const [own] = (await machine.sh(optionsOf("/data"), with_(bind(data, "rbind", option)))).split("\n");
        expect([option, own!.split(",").includes(option)]).toEqual([option, true]);
      }
      const [strict] = (await machine.sh(optionsOf("/data"), with_(bind(data, "rbind", "strictatime")))).split("\n");
      expect(strict).not.toContain("atime");
      const [fresh] = (await machine.sh(optionsOf("/t"), with_(tmpfs("/t", "ro", "nosuid", "noexec")))).split("\n");
      expect(fresh).toStartWith("ro,nosuid,noexec");
    });
  });

  test("what is no option of the mount is the file system's", async () => {
    await withBundle(async (machine) => {
      const [, own] = (await machine.sh(optionsOf("/t"), with_(tmpfs("/t", "size=64k", "mode=1770")))).split("\n");
      expect(own).toContain("size=64k");
      expect(own).toContain("mode=1770");
      expect(await machine.refusal(with_(tmpfs("/t", "colour=red")))).not.toBe("");
    });
  });

  test("private, slave, shared and unbindable, and their recursive forms, are how mounts travel", async () => {
    await withData(async (machine, data) => {
      for (const [option, shown] of [
        ["private", ""],
        ["rprivate", ""],
        // crun 1.8 leaves it as private as the root.
        ...(process.env.RUNTIME === "crun" ? [] : ([["rshared", "shared:"]] as const)),
        ...(isOurs ? ([["unbindable", "unbindable"]] as const) : []),
      ] as const) {
        const said = await machine.sh(propagationOf("/data"), with_(bind(data, "rbind", option)));
        if (shown === "") expect([option, said]).toEqual([option, ""]);
        else expect([option, said]).toEqual([option, expect.stringContaining(shown)]);
      }
    });
  });

  testOurs("rro and the other recursive options are for what is mounted below, too, and ro is not", async () => {
    await withData(async (machine, data) => {
      mkdirSync(`${data}/below`);
      expect((await machine.exec(["mount", "-t", "tmpfs", "tmpfs", `${data}/below`])).code).toBe(0);
      const write = "touch /data/x /data/below/x 2>&1; true";
      expect(await machine.sh(write, with_(bind(data, "rbind", "ro")))).not.toContain("below/x");
      const said = await machine.sh(write, with_(bind(data, "rbind", "rro")));
      expect(said.match(/Read-only/g)).toHaveLength(2);
      const all = with_(bind(data, "rbind", "rnosuid", "rnodev", "rnoexec", "rnoatime", "rnosymfollow"));
      const [below] = (await machine.sh(optionsOf("/data/below"), all)).split("\n");
      expect(below).toBe("rw,nosuid,nodev,noexec,noatime,nosymfollow");
      expect((await machine.exec(["umount", `${data}/below`])).code).toBe(0);
    });
  });

  testOurs("idmap: owners are shown, and written, as the mount's mappings have them (M53, M54)", async () => {
    await withBundle(async (machine) => {
      // Not every file system has idmapped mounts: tmpfs has them since Linux 6.3.
      const data = machine.path("mapped");
      mkdirSync(data, { recursive: true });
      expect((await machine.exec(["mount", "-t", "tmpfs", "tmpfs", data])).code).toBe(0);
      expect((await machine.exec(["touch", `${data}/file`])).code).toBe(0);
      const mappings = [{ containerID: 0, hostID: 1000, size: 10 }];
      const mount = { ...bind(data, "rbind", "idmap"), uidMappings: mappings, gidMappings: mappings };
      const user = { uid: 1000, gid: 1000 };
      const said = await machine.sh("stat -c %u:%g /data/file; touch /data/mine", with_(mount), { process: { user } });
      expect(said).toBe("1000:1000");
      const { stdout } = await machine.exec(["stat", "-c", "%u:%g", `${data}/mine`]);
      expect(stdout.trim()).toBe("0:0");
      expect((await machine.exec(["umount", data])).code).toBe(0);
      expect(await machine.refusal(with_(bind(data, "rbind", "idmap")))).toContain("idmap");
    });
  });

  test("tmpcopyup: a tmpfs begins with what it covers", async () => {
    if (process.env.RUNTIME === "crun") return; // which has it for runc's callers, and leaves out the mode
    await withBundle(async (machine) => {
      const script = "mkdir /full && chmod 751 /full && echo a >/full/file && ln -s file /full/link";
      await machine.sh(script);
      const said = await machine.sh(
        "cat /full/link; stat -c %a /full; echo b >/full/file",
        with_(tmpfs("/full", "tmpcopyup")),
      );
      expect(said).toBe("a\n751");
      expect(machine.read("rootfs/full/file")).toBe("a\n");
    });
  });

  testOurs("a signal ends tmpcopyup of much, and there is no container", async () => {
    await withBundle(async (machine) => {
      await machine.sh("mkdir /full && cd /full && seq 1100 | xargs touch");
      machine.configure(with_(tmpfs("/full", "tmpcopyup")));
      for (const command of ["run", "create"]) {
        const argv = [binary(), "runtime", "--root", machine.state, command, "-b", machine.bundle, "c"];
        const { code, stdout, stderr } = await machine.exec(withSignal("TERM", argv));
        expect([code, stdout, stderr]).toEqual([143, "", "interrupted\n"]);
      }
    });
  });

  // runc has it whatever mode is given, and crun never.
  testOurs("a tmpfs has the mode of what it covers unless it has one of its own", async () => {
    await withBundle(async (machine) => {
      await machine.sh("mkdir /d && chmod 751 /d");
      expect(await machine.sh("stat -c %a /d", with_(tmpfs("/d")))).toBe("751");
      expect(await machine.sh("stat -c %a /d", with_(tmpfs("/d", "mode=700")))).toBe("700");
    });
  });

  test("cgroup is whatever version this host has, and shows the container's own", async () => {
    await withBundle(async (machine) => {
      const cgroup = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] };
      const found = await machine.sh("ls /sys/fs/cgroup", with_(cgroup));
      expect(found).not.toBe("");
      if (isOurs) expect(found).toContain("cgroup.procs");
    });
  });

  test("nothing is mounted over /proc but proc, nor below it", async () => {
    await withData(async (machine, data) => {
      const at = (destination: string, source = data) => with_({ ...bind(source, "bind"), destination });
      if (process.env.RUNTIME !== "crun") {
        expect(await machine.refusal(at("/proc"))).toContain("/proc");
        expect(await machine.refusal(at("/proc/sys"))).toContain("/proc");
      }
      if (isOurs) expect(await machine.refusal(with_(tmpfs("/proc/irq")))).toContain("/proc");
      expect(await machine.sh("cat /proc/meminfo", at("/proc/meminfo", `${data}/file`))).toBe("content");
    });
  });

  testOurs("an option that is none is refused by its name", async () => {
    await withData(async (machine, data) => {
      expect(await machine.refusal(with_(bind(data, "rbind", "size=5")))).toContain('mounts[4].options: "size=5"');
      expect(await machine.refusal(with_({ destination: "/x" }))).toContain("mounts[4].type");
      expect(await machine.refusal(with_({ destination: "/x", type: "no-such-fs" }))).toContain("no-such-fs");
    });
  });

  testOurs("a symbolic link of the image leads nowhere but into the container", async () => {
    await withData(async (machine, data) => {
      await machine.sh("ln -s ../../../../../../../../../tmp/escape /link");
      expect(await machine.sh("cat /tmp/escape/file", with_({ ...bind(data, "bind"), destination: "/link" }))).toBe(
        "content",
      );
    });
  });
});
