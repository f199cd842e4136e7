/** SELinux: in a virtual machine that has it on, with a policy that keeps what is labelled differently apart. */

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool, virtualMachine } from "../support/needs.ts";
import { policy } from "../support/selinux-policy.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { runInVm } from "../support/vm.ts";

const script = (compiled: string) => `
mount -t selinuxfs selinuxfs /sys/fs/selinux && dd if=${compiled} of=/sys/fs/selinux/load bs=4M 2>/dev/null
mkdir -p /etc/selinux/small/contexts; echo SELINUXTYPE=small >/etc/selinux/config; cd /etc/selinux/small/contexts
printf 'process = "system_u:system_r:container_t:s0"\\nfile = "system_u:object_r:container_file_t:s0"\\n' >lxc_contexts
echo 1 >/sys/fs/selinux/enforce; cd /
T=${binary()}; export TINYDOCKER_ROOT=/scratch/root; R="$T run --rm --network none"
$T load -q -i ${imageTar("busybox")} -t busybox >/dev/null
for name in a b c; do mkdir /scratch/$name; echo $name >/scratch/$name/f; done
V="-v /scratch/a:/a -v /scratch/b:/b"
$T run -d --name box --network none $V:z -v /scratch/c:/c:Z busybox sleep 1000 >/dev/null
look='cat /proc/self/attr/current; echo; for f in /a/f /b/f /c/f; do cat $f 2>/dev/null || echo no; done'
$T exec box sh -c "$look; echo >/dev/shm/x; echo >/x && echo wrote"
$T inspect -f '{{.ProcessLabel}} {{.MountLabel}}' box
$R $V -v /scratch/c:/c -v data:/d --security-opt label=type:other_t busybox sh -c "$look; echo vol >/d/x; cat /d/x"
$R $V -v /scratch/c:/c --security-opt label=disable busybox sh -c "$look"
$R -v /etc:/e:Z busybox true 2>&1
$T info -f '{{.SecurityOptions}}'
`;

needing(root, virtualMachine, tool("checkpolicy"))(
  "containers have labels of SELinux's with categories of their own, their files are theirs alone, and z and Z label the host's",
  async () => {
    const source = join(temporaryDirectory(), "policy.conf");
    writeFileSync(source, policy);
    const made = Bun.spawnSync(["checkpolicy", "-M", "-U", "allow", "-c", "33", "-o", `${source}.33`, source]);
    expect([made.exitCode, made.stderr.toString()]).toEqual([0, ""]);
    const result = await runInVm(["sh", "-c", script(`${source}.33`)], {
      memMB: 2048,
      append: "security=selinux selinux=1",
    });
    const lines = ok(result).replaceAll("\0", "").split("\n");
    const level = /^system_u:system_r:container_t:(s0:c\d+,c\d+)$/.exec(lines[0]!)?.[1];
    expect(lines.slice(1, 6)).toEqual([
      ...["no", "b", "c", "wrote"],
      `system_u:system_r:container_t:${level} system_u:object_r:container_file_t:${level}`,
    ]);
    expect(lines[6]).toMatch(/^system_u:system_r:other_t:s0:c\d+,c\d+$/);
    expect(lines[6]).not.toContain(`${level}`);
    expect(lines.slice(7, 11)).toEqual(["no", "b", "no", "vol"]);
    expect(lines.slice(11, 15)).toEqual(["system_u:system_r:kernel_t:s0", "a", "b", "c"]);
    expect(lines[15]).toContain("z and Z would label /etc of this host");
    expect(lines[16]).toContain("name=selinux");
  },
  600_000,
);
