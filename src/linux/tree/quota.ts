/** Project quotas: how much the files of some directories may take together (quotactl_fd(2), ioctl_fs(2) FS_IOC_FSSETXATTR). */

import { O_DIRECTORY, O_RDONLY, open, owned } from "../file.ts";
import { bind, check, memory, syscall } from "../libc.ts";

const libc = bind({ ioctl: ["int", "int", "long", "ptr"] });

const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
/** struct fsxattr: xflags, extsize, nextents, projid, cowextsize, and room. */
const fsxattrBytes = 28;
const FS_XFLAG_PROJINHERIT = 0x200;

/** What is made in this directory from now on is of the project. */
export function setProject(path: string, project: number): void {
  using directory = owned(open(path, O_RDONLY | O_DIRECTORY));
  const attributes = memory(fsxattrBytes);
  const words = new Uint32Array(attributes.buffer);
  const subject = `the project of ${path}`;
  check("read", subject, libc.ioctl(directory.fd, FS_IOC_FSGETXATTR | 0, attributes));
  words[0]! |= FS_XFLAG_PROJINHERIT;
  words[3] = project;
  check("set", subject, libc.ioctl(directory.fd, FS_IOC_FSSETXATTR, attributes));
}

const PRJQUOTA = 2;
const Q_SETQUOTA = 0x800008;
const QIF_BLIMITS = 1;
const dqblkBytes = 72;
const quotaBlock = 1024;

/** @param path in the file system. @param bytes 0 is without a limit. */
export function setProjectQuota(path: string, project: number, bytes: number): void {
  using directory = owned(open(path, O_RDONLY | O_DIRECTORY));
  const quota = memory(dqblkBytes);
  const view = new DataView(quota.buffer);
  view.setBigUint64(0, BigInt(Math.ceil(bytes / quotaBlock)), true);
  view.setUint32(64, QIF_BLIMITS, true);
  const command = ((Q_SETQUOTA << 8) | PRJQUOTA) >>> 0;
  check(
    "quotactl_fd",
    `project ${project} below ${path}`,
    syscall("quotactl_fd", directory.fd, command, project, quota),
  );
}
