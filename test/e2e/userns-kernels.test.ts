/** User namespaces on older kernels: 6.1 has no `lowerdir+`, 6.12 takes no layer that is attached nowhere. */

import { expect } from "bun:test";
import { bootableKernels } from "../../helpers/vm/kernel.ts";
import { binary } from "../support/cli.ts";
import { imageTar } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, virtualMachine } from "../support/needs.ts";
import { runInVm } from "../support/vm.ts";

const script = `
set -e; T=${binary()}; export TINYDOCKER_ROOT=/scratch/root; R="$T run --rm --userns auto"
mkdir -p /scratch/work; chown 1234:1234 /scratch/work
$T load -q -i ${imageTar("busybox")} -t busybox >/dev/null
$R busybox sh -c 'id -u; stat -c %u /bin/busybox /etc /dev/null; touch /made; stat -c %u /made; wc -c </proc/keys; grep -c / /proc/self/mountinfo >/dev/null'
SUDO_UID=1234 SUDO_GID=1234 $R -v /scratch/work:/w busybox sh -c 'touch /w/made; stat -c %u /w'; stat -c %u /scratch/work/made
$R -v data:/etc busybox chown 33 /etc/passwd; $R -v data:/d busybox stat -c %u /d/passwd /d/group
$T run -d --name web --userns auto -m 64m -p 127.0.0.1:8080:80 busybox sleep 600 >/dev/null
$T exec web sh -c 'id -u; stat -c %u /etc/hosts; cat /sys/fs/cgroup/memory.max'; $T exec -t web tty | tr -d '\\r'
$T exec web sh -c 'echo x >/y; chown 7 /y'; $T commit web made >/dev/null 2>&1; $T export web 2>/dev/null | tar --numeric-owner -tvf - | grep -c ' 7/0 '
$T rm -f web >/dev/null; $T run --rm --network none made stat -c %u /y
$R --read-only --tmpfs /t --init -u 7 busybox sh -c 'id -u; touch /t/x; cat /proc/1/comm'
ls $TINYDOCKER_ROOT/ids | wc -l
`;

const lines = [
  ...["0", "0", "0", "0", "0", "0"],
  ...["0", "1234", "33", "0"],
  ...["0", "0", "67108864", "/dev/pts/0"],
  ...["1", "7"],
  ...["7", "init", "0"],
];

for (const series of ["6.1.", "6.12."]) {
  const kernel = (): string | undefined => bootableKernels().find((version) => version.startsWith(series));
  const missing = () => (kernel() === undefined ? `a kernel ${series}x in /boot` : undefined);
  needing(root, virtualMachine, missing)(
    `containers with a user namespace of their own work on Linux ${series}x`,
    async () => {
      const result = await runInVm(["sh", "-c", script], { memMB: 2048, kernel: kernel() });
      expect(ok(result).trimEnd().split("\n")).toEqual(lines);
    },
    600_000,
  );
}
