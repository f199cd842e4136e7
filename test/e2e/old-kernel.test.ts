/** The kernel that Debian 12 comes with, 6.1, which has no `lowerdir+`, clones nothing that is attached nowhere, and more. */

import { expect } from "bun:test";
import { bootableKernels } from "../../helpers/vm/kernel.ts";
import { binary } from "../support/cli.ts";
import { imageTar } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, virtualMachine } from "../support/needs.ts";
import { runInVm } from "../support/vm.ts";

const old = (): string | undefined => bootableKernels().find((version) => version.startsWith("6.1."));
const oldKernel = () => (old() === undefined ? "a kernel 6.1 in /boot (Debian 12: linux-image-amd64)" : undefined);

needing(root, virtualMachine, oldKernel)(
  "everything that a container is made of works on Linux 6.1",
  async () => {
    const script = `
    set -e; T=${binary()}; export TINYDOCKER_ROOT=/scratch/root; mkdir -p /scratch/host; echo theirs >/scratch/host/file
    $T load -q -i ${imageTar("busybox")} -t busybox >/dev/null
    $T run --rm --network none busybox sh -c 'wc -c </proc/keys; ls -A /sys/firmware | wc -l'
    $T run --rm -m 64m --pids-limit 9 --cpus 0.5 busybox cat /sys/fs/cgroup/memory.max
    $T run --rm -v filled:/etc busybox cat /etc/hostname >/scratch/name; $T run --rm -v filled:/x busybox ls /x | grep passwd
    $T run --rm -v /scratch/host:/x:ro busybox cat /x/file
    $T run --rm --mount type=bind,source=/scratch/host,target=/x -u 7 busybox stat -c %u /x
    $T run --rm --read-only --tmpfs /t -w /made busybox pwd
    $T run --rm --init busybox sh -c 'cat /proc/1/comm'
    $T run -d --name web -p 127.0.0.1:8080:80 busybox sleep 600 >/dev/null
    $T exec web cat /proc/1/comm; $T exec -t web tty | tr -d '\\r'
    echo copied >/scratch/c; $T cp /scratch/c web:/c 2>/dev/null; $T exec web cat /c; $T diff web | grep -x 'A /c'
    $T commit web made >/dev/null 2>&1; $T rm -f web >/dev/null; $T run --rm made cat /c
    mkdir /scratch/tree; $T export $($T create busybox true) 2>/dev/null | tar -x -C /scratch/tree
    echo hidden | $T secret create key - >/dev/null
    $T run --rm --secret key --secret key,target=/etc/key,uid=7 -u 7 busybox sh -c 'cat /run/secrets/key; stat -c %u /etc/key'
    $T run -d --name seen busybox sleep 600 >/dev/null; D=$($T mount seen); $T exec seen touch /inside; ls $D/inside | wc -l
    $T rm -f seen >/dev/null; ls $($T image mount busybox)/bin/busybox | wc -l; $T image unmount -a >/dev/null
    $T run --rm /scratch/tree echo of a directory; $T ps -q | wc -l`;
    const lines = ok(await runInVm(["sh", "-c", script], { memMB: 2048, kernel: old() }))
      .trimEnd()
      .split("\n");
    expect(lines).toEqual([
      ...["0", "0", `${64 << 20}`, "passwd", "theirs", "0", "/made", "init", "sleep", "/dev/pts/0"],
      ...["copied", "A /c", "copied", "hidden", "7", "1", "1", "of a directory", "0"],
    ]);
  },
  300_000,
);
