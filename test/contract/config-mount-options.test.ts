/** The mount options that every runtime has. Runs with RUNTIME=runc and crun, too. */

import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { isOurs, type Json, plainConfig, test, testOurs, withBundle } from "../support/bundle.ts";

const with_ = (...mounts: Json[]): Json => ({ mounts: [...(plainConfig.mounts as Json[]), ...mounts] });
const tmpfs = (destination: string, ...options: string[]): Json => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options,
});
const flagsOf = (path: string) => `awk '$5 == "${path}" { print $6 }' /proc/self/mountinfo`;

/** "MUST" in the table of config.md, but those of bind mounts and of what travels. */
const all =
  "async atime defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid relatime ro rw silent strictatime suid sync".split(
    " ",
  );

test("'Runtimes MUST implement the following option strings': each is one of a file system, and of a bind mount (M52)", async () => {
  await withBundle(async (machine) => {
    machine.file("data/file", "content");
    const fresh = all.map((option) => tmpfs(`/t/${option}`, option));
    const bound = all.map((option) => ({
      destination: `/b/${option}`,
      source: machine.path("data"),
      options: ["rbind", option],
    }));
    // Debian's runc and crun have them not, or hand them to the file system.
    const known = ({ destination }: Json) =>
      isOurs || !/defaults|silent|loud|lazytime|iversion/.test(destination as string);
    const said = await machine.sh(
      "cat /b/*/file | grep -c . ; ls -d /t/* | wc -l",
      with_(...[...fresh, ...bound].filter(known)),
    );
    const count = String(all.filter((option) => known({ destination: option })).length);
    expect(said.split("\n").map((line) => line.trim())).toEqual(["1", count]);
  });
});

test("a relative destination 'MUST be interpreted as relative to' the root, whatever cwd is (M49)", async () => {
  await withBundle(async (machine) => {
    machine.file("data/file", "content");
    const mount = { destination: "some/where", source: machine.path("data"), options: ["rbind"] };
    expect(await machine.sh("cat /some/where/file", with_(mount), { process: { cwd: "/bin" } })).toBe("content");
  });
});

test("remount changes what is mounted there already: the mount, or its file system (M52)", async () => {
  await withBundle(async (machine) => {
    machine.file("data/file", "content");
    const bind = { destination: "/data", source: machine.path("data"), options: ["rbind"] };
    const mounts = with_(tmpfs("/t", "nosuid"), tmpfs("/t", "remount", "ro", "nosuid"), bind, {
      ...bind,
      options: ["bind", "remount", "ro", "noexec"],
    });
    const said = await machine.sh(`${flagsOf("/t")}; ${flagsOf("/data")}; cat /data/file`, mounts);
    const [fresh, bound, content] = said.split("\n");
    expect([fresh!.split(",").slice(0, 2), content]).toEqual([["ro", "nosuid"], "content"]);
    for (const flag of ["ro", "noexec"]) expect(bound!.split(",")).toContain(flag);
    expect(await machine.refusal(with_({ ...bind, destination: "/bin", options: ["bind", "remount", "ro"] }))).not.toBe(
      "",
    );
  });
});

testOurs("remount leaves what is not named, and says what it can't change", async () => {
  await withBundle(async (machine) => {
    const mounts = with_(tmpfs("/t", "nosuid", "noexec"), tmpfs("/t", "remount", "exec"));
    expect(await machine.sh(flagsOf("/t"), mounts)).toBe("rw,nosuid,relatime");
    for (const option of ["rprivate", "size=128k", "rro"])
      expect(await machine.refusal(with_(tmpfs("/t"), tmpfs("/t", "remount", option)))).toContain(
        `mounts[5].options: "${option}"`,
      );
  });
});

testOurs("ridmap: 'the mapping is applied recursively', and idmap's is not (M55)", async () => {
  await withBundle(async (machine) => {
    const data = machine.path("mapped");
    mkdirSync(data, { recursive: true });
    // Not every file system has idmapped mounts: tmpfs has them since Linux 6.3.
    for (const at of [data, `${data}/below`]) {
      expect((await machine.exec(["mkdir", "-p", at])).code).toBe(0);
      expect((await machine.exec(["mount", "-t", "tmpfs", "tmpfs", at])).code).toBe(0);
      expect((await machine.exec(["touch", `${at}/file`])).code).toBe(0);
    }
    const mappings = [{ containerID: 0, hostID: 1000, size: 10 }];
    const owners = (option: string) =>
      machine.sh(
        "stat -c %u /data/file /data/below/file",
        with_({
          destination: "/data",
          source: data,
          options: ["rbind", option],
          uidMappings: mappings,
          gidMappings: mappings,
        }),
      );
    expect(await owners("idmap")).toBe("1000\n0");
    expect(await owners("ridmap")).toBe("1000\n1000");
    for (const at of [`${data}/below`, data]) expect((await machine.exec(["umount", at])).code).toBe(0);
  });
});
