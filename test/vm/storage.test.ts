/** What a container may write to its root, where the file system has project quotas: in a virtual machine, whose kernel has them. */

import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { imageTar, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const cgroup2 = () => (existsSync("/sys/fs/cgroup/cgroup.controllers") ? undefined : "cgroup v2");
const test = needing(root, cgroup2, tool("mkfs.ext4"), tool("modprobe"));

test("--storage-opt size bounds what a container writes, over all its starts, and is what it sees as its disk", async () => {
  await withMachine([], async (machine) => {
    const image = join(machine.directory, "disk");
    const directory = join(machine.directory, "mounted");
    const script = `modprobe -a loop quota_v2 && truncate -s 64M ${image} &&
      mkfs.ext4 -q -O project,quota -E quotatype=prjquota ${image} && mkdir ${directory} &&
      mount -o loop,prjquota ${image} ${directory}`;
    ok(await machine.exec(["sh", "-c", script]));
    const td = (...words: string[]) => machine.run(["--root", `${directory}/root`, ...words]);
    ok(await td("load", "-q", "-i", imageTar("busybox"), "-t", "busybox"));
    const write = "head -c 8000000 /dev/zero >/f 2>/dev/null || echo full; rm /f; df -k / | tail -1 | awk '{print $2}'";
    const options = ["--name", "box", "--network", "none", "--storage-opt", "size=5m"];
    expect(ok(await td("run", ...options, "busybox", "sh", "-c", write))).toBe("full\n5120");
    expect(ok(await td("inspect", "-f", "{{json .HostConfig.StorageOpt}}", "box"))).toBe(`{"size":"${5 << 20}"}`);
    expect(ok(await td("start", "-a", "box"))).toBe("full\n5120");
    ok(await td("rm", "box"));
    ok(await machine.exec(["sh", "-c", `umount ${directory} && rmdir ${directory} && rm ${image}`]));
  });
});
