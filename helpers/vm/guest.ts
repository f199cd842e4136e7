/** What runs inside the virtual machine: its initramfs, as a cpio archive, and the shell scripts in it. */

/** A file of a cpio archive; the mode carries the type bits too. */
export type CpioEntry = [name: string, mode: number, data: Buffer | string];

const directory = 0o40000;
const regular = 0o100000;
const symlink = 0o120000;

/** An archive in the "newc" format, which the kernel unpacks as its initramfs. Several may follow one another. */
export function cpio(entries: CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  const push = (part: Buffer) => parts.push(part, Buffer.alloc(-part.length & 3));
  for (const [index, [name, mode, data]] of [...entries, ["TRAILER!!!", 0, ""] as CpioEntry].entries()) {
    const body = typeof data === "string" ? Buffer.from(data) : data;
    const fields = [index + 1, mode, 0, 0, 1, 0, body.length, 0, 0, 0, 0, name.length + 1, 0];
    const header = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
    push(Buffer.from(`070701${header}${name}\0`));
    push(body);
  }
  return Buffer.concat(parts);
}

/** A word of shell, whatever is in it. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** The part of the initramfs that is the same for every run: busybox, the kernel's modules in loading order, the scripts. */
export function initramfs(options: {
  busybox: Buffer;
  version: string;
  modules: [file: string, data: Buffer][];
}): Buffer {
  const { busybox, version, modules } = options;
  const lib = `lib/modules/${version}`;
  const directories = ["bin", "dev", "proc", "sys", "lower", "rw", "new", "vm", "links", "lib", "lib/modules", lib];
  const links = { fd: "", stdin: "/0", stdout: "/1", stderr: "/2" };
  const names = modules.map(([file]) => file.replace(".ko", ""));
  return cpio([
    ...directories.map((name): CpioEntry => [name, directory | 0o755, ""]),
    ["vm/busybox", regular | 0o755, busybox],
    ["bin/busybox", symlink | 0o777, "/vm/busybox"],
    ["init", regular | 0o755, init],
    ["vm/stage2", regular | 0o644, stage2],
    ["fstab1", regular | 0o644, fstab1],
    ["fstab2", regular | 0o644, fstab2],
    ["mods", regular | 0o644, `${names.join(" ")}\n`],
    [`${lib}/modules.dep`, regular | 0o644, modules.map(([file]) => `${file}:\n`).join("")],
    ...modules.map(([file, data]): CpioEntry => [`${lib}/${file}`, regular | 0o644, data]),
    ...Object.entries(links).map(([name, fd]): CpioEntry => [`links/${name}`, symlink | 0o777, `/proc/self/fd${fd}`]),
  ]);
}

/** The part of the initramfs that belongs to one run: its settings and its command. */
export const runFiles = (settings: string, command: string): Buffer =>
  cpio([
    ["vm/conf", regular | 0o644, settings],
    ["vm/cmd", regular | 0o644, command],
  ]);

/** How the host's files are mounted: read-only, and they do not change while we run. */
export const shareOptions = "trans=virtio,version=9p2000.L,msize=1048576,cache=loose";

const fstab1 = `proc /proc proc
sys /sys sysfs
dev /dev devtmpfs
`;

const fstab2 = `proc /new/proc proc nosuid,nodev,noexec
sys /new/sys sysfs nosuid,nodev,noexec
dev /new/dev devtmpfs mode=755,nosuid
run /new/run tmpfs mode=755,nosuid,nodev
pts /new/dev/pts devpts gid=5,mode=620,ptmxmode=666
shm /new/dev/shm tmpfs mode=1777,nosuid,nodev
mqueue /new/dev/mqueue mqueue nosuid,nodev,noexec
/rw/scratch /new/scratch none bind
cgroup2 /new/sys/fs/cgroup cgroup2 nosuid,nodev,noexec,nsdelegate,memory_recursiveprot
`;

// The first process: puts a throw-away overlay over the host's files and makes that the root.
const init = `#!/bin/busybox sh
B=/bin/busybox; $B mount -a -T /fstab1
die() { echo "vm: $*" >/dev/console; $B sleep 1; echo o >/proc/sysrq-trigger; $B sleep 9; }
. /vm/conf; read mods </mods; $B modprobe -a $mods || die modprobe
$B mount -t 9p -o ro,${shareOptions} root /lower && $B mount -t ext4 -o noatime /dev/vda /rw || die "mount root or disk"
eval "set -- $SCRATCH"
$B mkdir -p -m 755 /rw/u /rw/w /rw/scratch/tmp $(for d; do echo "/rw/scratch$d"; done)
$B mount -t overlay -o lowerdir=/lower,upperdir=/rw/u,workdir=/rw/w root /new || die "mount overlay"
cd /new; $B mkdir -p proc sys dev run scratch tmp ../dev/pts ../dev/shm ../dev/mqueue lib/modules/$VER $(for d; do echo "./$d"; done)
$B mount -a -T /fstab2 || die "mount fstab2"
read c <sys/fs/cgroup/cgroup.controllers; for c in $c; do echo +$c >sys/fs/cgroup/cgroup.subtree_control; done
for d; do $B mount --bind /rw/scratch$d ./$d; done
i=0; eval "set -- $RW"; for d; do $B mkdir -p ./$d; $B mount -t 9p -o rw,${shareOptions} rw$i ./$d || die "mount $d"; i=$((i+1)); done
echo vm >/proc/sys/kernel/hostname; $B ip link set lo up; $B cp -r /vm run/; $B cp -a /links/* dev/; cd /
[ -n "$SYSTEMD" ] || exec $B switch_root /new /run/vm/busybox sh /run/vm/stage2
$B mkdir -p /new/run/systemd/system /new/run/tmpfiles.d; cd /new/run/systemd/system; echo >../../tmpfiles.d/tmp.conf # or it empties /tmp
printf '%s\\n' '[Unit]' "After=$SYSTEMD" "Wants=$SYSTEMD" '[Service]' ExecStart='/run/vm/busybox sh /run/vm/stage2' Delegate=yes OOMPolicy=continue TasksMax=infinity >vm.service
cd /; exec $B switch_root /new /sbin/init systemd.unit=vm.service
`;

// Runs in the final root. Pipes stand between the command and the ports, so that /dev/stdout can be opened again and the end
// of the output is certain; the number of bytes goes with the exit status, so that the host knows when it has them all.
const stage2 = `B=/run/vm/busybox; cd /run/vm; exec </dev/null; . ./conf; echo -1000 >/proc/self/oom_score_adj
P=/dev/vport$(cd /sys/class/virtio-ports; set -- vport*p1; n=\${1#vport}; echo \${n%p1})p
echo up >\${P}3; $B mkfifo o e; $B tee \${P}1 <o | $B wc -c >on & a=$!
$B tee \${P}2 <e | $B wc -c >en & b=$!
$B sh cmd </dev/null >o 2>e; rc=$?
$B ls -l /proc/[0-9]*/fd 2>/dev/null | while read l; do case $l in /proc/*) p=\${l#/proc/}; p=\${p%/fd:};; *" -> /run/vm/"[oe]) [ /proc/$p/exe -ef $B ] || kill -9 $p;; esac; done
wait $a; wait $b; echo exit $rc $($B cat on) $($B cat en) >\${P}3; $B sleep 20; echo o >/proc/sysrq-trigger
`;
