/** The busybox image: Debian's static busybox, a link for each of its commands, and what a Unix system expects around it. */

import { readFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import { text } from "../../helpers/process.ts";
import type { Entry } from "../recipe.ts";

/** What apt-get must have installed. */
export const packages = ["busybox-static"];

export function rootfs(): Entry[] {
  const busybox = "/bin/busybox";
  const commands = text(busybox, ["--list-full"]).split("\n");
  return [
    { path: "bin/busybox", type: "file", data: readFileSync(busybox), mode: 0o755 },
    ...commands
      .filter((path) => path !== "bin/busybox")
      .map((path): Entry => ({ path, type: "symlink", target: relative(dirname(path), "bin/busybox") })),
    ...["dev", "home", "mnt", "proc", "run", "sys", "var/log"].map((path): Entry => ({ path, type: "directory" })),
    { path: "root", type: "directory", mode: 0o700 },
    { path: "tmp", type: "directory", mode: 0o1777 },
    { path: "var/tmp", type: "directory", mode: 0o1777 },
    { path: "var/run", type: "symlink", target: "../run" },
    { path: "etc/passwd", type: "file", data: passwd },
    { path: "etc/group", type: "file", data: group },
    { path: "etc/shells", type: "file", data: "/bin/sh\n/bin/ash\n" },
    { path: "etc/profile", type: "file", data: profile },
  ];
}

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

const group = `root:x:0:
daemon:x:1:
bin:x:2:
tty:x:5:
mail:x:8:
www-data:x:33:
users:x:100:
nogroup:x:65534:
`;

const profile = `export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PS1='\\u@\\h:\\w\\$ '
umask 022
`;
