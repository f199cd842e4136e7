/** Directory trees with everything that is hard to get right, and all that can be known of a tree as text. */

import { truncateSync, utimesSync, writeFileSync } from "node:fs";
import { isRoot } from "./temporary.ts";

/** True for root where these tools are. */
export const has = (...tools: string[]): boolean => isRoot && tools.every((tool) => Bun.which(tool));

/** A shell script: what it printed. @throws Error with what it said on stderr. */
export function sh(script: string, cwd: string): string {
  const done = Bun.spawnSync(["bash", "-euc", script], { cwd, env: { ...process.env, LC_ALL: "C" } });
  if (done.exitCode !== 0) throw new Error(`${script}\n${done.stderr}`);
  return done.stdout.toString("latin1");
}

/** Everything find(1) knows of a tree, its contents by hash and its extended attributes. */
export const describeTree = (root: string): string =>
  sh(
    `find . -printf '%p %y %m %U %G %n %T@ %l ' \\( -type d -printf '\\n' -o -printf '%s %b\\n' \\) | sort
     find . \\( -type b -o -type c \\) -print0 | sort -z | xargs -0r stat -c '%n %t:%T'
     find . -type f -print0 | sort -z | xargs -0r sha256sum
     ${Bun.which("getfattr") ? "find . -type f -print0 | sort -z | xargs -0r getfattr -d -m '^(user|security)' -e hex" : "true"}`,
    root,
  );

/** A tree with everything that is hard to get right. */
export function difficultTree(directory: string): void {
  sh(
    `mkdir -p tree/d/deep tree/sticky; cd tree
     printf hello > file; ln file d/hard; ln -s ../file d/soft; ln -s /absolute/elsewhere dangling; ln dangling linked-link
     printf x > suid; chown 1000:2000 suid; chmod 6755 suid
     printf x > huge-owner; chown 4000000000:4100000000 huge-owner
     mknod null c 1 3; mknod disk b 259 70000; mkfifo -m 0620 pipe; chmod 1777 sticky; chmod 2750 d
     : > empty; chmod 0 empty
     mkdir -p ${"long-directory-name-".repeat(6)}/${"x".repeat(200)}
     printf deep > ${"long-directory-name-".repeat(6)}/${"x".repeat(200)}/${"y".repeat(250)}
     printf raw > $'not-utf8-\\xff\\xfe'; printf nl > $'new\\nline'; printf sp > ' spaces and ünïcode '
     ln -s ${"t".repeat(300)} long-target`,
    directory,
  );
  writeFileSync(`${directory}/tree/sparse`, "start");
  truncateSync(`${directory}/tree/sparse`, 30_000_000);
  sh(`printf middle | dd of=sparse bs=1 seek=20000000 conv=notrunc status=none`, `${directory}/tree`);
  for (let i = 0; i < 12; i++)
    sh(`printf ${i} | dd of=sparse bs=1 seek=$((${i} * 2000000)) conv=notrunc status=none`, `${directory}/tree`);
  if (Bun.which("setcap")) sh("cp /bin/true capable; setcap cap_net_raw,cap_net_admin+ep capable", `${directory}/tree`);
  if (Bun.which("setfattr")) sh("setfattr -n user.note -v 0x00ff0a3d file", `${directory}/tree`);
  utimesSync(`${directory}/tree/file`, 1.5, 1_234_567_890.123);
  utimesSync(`${directory}/tree/empty`, 0, -1000);
  utimesSync(`${directory}/tree/d`, 0, 4_000_000_000);
}
