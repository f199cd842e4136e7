/** Records in place of a program: they tell what a container sees, and try what it must not do. For `doctor`, which needs no image. */

import type { ErrnoName } from "../../linux/errno.ts";
import type { CallName } from "../../linux/program/calls.ts";
import { type Arg, type Block, Label, names } from "../../linux/program/record.ts";
import { room } from "../../linux/program/writer.ts";
import type { Context } from "./context.ts";

/** What is read and told, each behind a line `== PATH`. */
export const toldFiles = ["/proc/self/status", "/proc/self/mountinfo", "/proc/self/cgroup", "/proc/self/limits"];

interface Attempt {
  name: string;
  call: CallName;
  args: Arg[];
}

const refused: ErrnoName[] = ["EPERM", "EACCES", "EROFS", "ENOSYS"];
/** What is not there can't be opened, either. */
const notOpened: ErrnoName[] = ["EPERM", "EACCES", "EROFS", "ENOENT"];
const S_IFCHR = 0o020000;
/** The memory of the host. */
const memoryDevice = (1 << 8) | 1;

const openFor = (path: string, how: "O_RDONLY" | "O_WRONLY"): Pick<Attempt, "call" | "args"> => ({
  call: "openat",
  args: [names("AT_FDCWD"), path, names(how, "O_CLOEXEC")],
});

/** What every container without privileges is refused; their names are lines with `allowed` or `refused`. */
export const attempts: Attempt[] = [
  { name: "mount a file system", call: "mount", args: ["none", "/", "tmpfs", 0, 0] },
  { name: "make a mount namespace", call: "unshare", args: [names("CLONE_NEWNS")] },
  { name: "set the host name", call: "sethostname", args: ["x", 1] },
  { name: "change a setting of the kernel", ...openFor("/proc/sys/kernel/hostname", "O_WRONLY") },
  { name: "trigger SysRq", ...openFor("/proc/sysrq-trigger", "O_WRONLY") },
  { name: "change its cgroup", ...openFor("/sys/fs/cgroup/cgroup.procs", "O_WRONLY") },
  { name: "open the host's memory", ...openFor("/dev/self-test", "O_RDONLY") },
];

export function selfTest({ writer }: Context): void {
  const buffer = room("text", bufferBytes);
  // As execve(2) would: the other side knows by it that all has gone well.
  writer.call("close_range", [3, 0xffffffff, 0]);
  for (const path of toldFiles) {
    tell(writer, `== ${path}\n`);
    copy(writer, path, buffer);
  }
  tell(writer, "== attempts\n");
  writer.call("mknodat", [names("AT_FDCWD"), "/dev/self-test", S_IFCHR | 0o600, memoryDevice], { ok: refused });
  for (const { name, call, args } of attempts) {
    const [no, next] = [new Label(), new Label()];
    writer.call(call, args, { ok: call === "openat" ? notOpened : refused, to: no });
    tell(writer, `${name}: allowed\n`);
    writer.jump(next);
    writer.label(no);
    tell(writer, `${name}: refused\n`);
    writer.label(next);
  }
  writer.call("exit_group", [0]);
}

const bufferBytes = 4096;

const tell = (writer: Context["writer"], text: string): void =>
  writer.call("write", [1, text, new TextEncoder().encode(text).length]);

/** A file to stdout. */
function copy(writer: Context["writer"], path: string, buffer: Block): void {
  const [more, done] = [new Label(), new Label()];
  writer.about(path);
  const file = writer.into("file", "openat", [names("AT_FDCWD"), path, names("O_RDONLY", "O_CLOEXEC")]);
  const loop = writer.label();
  const count = writer.into("count", "read", [file, buffer, bufferBytes]);
  writer.test(count, 0xffff, 0, more);
  writer.jump(done);
  writer.label(more);
  writer.call("write", [1, buffer, count]);
  writer.jump(loop);
  writer.label(done);
  writer.call("close", [file]);
}
