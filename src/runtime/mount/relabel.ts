/** Gives the source of a bind mount, with all that is in it, a label that the container may use (`z`, `Z`). */

import { UsageError } from "../../errors.ts";
import { openAt } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import { type Fd, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, open, owned } from "../../linux/file.ts";
import { fstat } from "../../linux/stat.ts";
import { labelOf, setLabel } from "../../linux/tree/label.ts";
import { unlessGone } from "../../linux/tree/tree.ts";
import { walkTree } from "../../linux/tree/walk.ts";

/** @param unlessTop not where the source itself has it: what is made in a volume has its label by itself. */
export function relabel(source: Fd, label: string, path: string, unlessTop: boolean): void {
  if (isOfSystem(path))
    throw new UsageError(`--volume: options z and Z would label ${path} of this host as a container's`);
  if (unlessTop && labelOf(source) === label) return;
  const subject = byteNameOf(path);
  setLabel(source, label, subject);
  if (fstat(source).type !== "directory") return;
  // What is open as a path only can't be listed.
  using directory = owned(open(`/proc/self/fd/${source}`, O_RDONLY | O_NONBLOCK));
  walkTree(directory.fd, subject, ({ directory: parent, name, path: pathOf }) => {
    using entry = owned(unlessGone(() => openAt(parent, name, O_PATH | O_NOFOLLOW)));
    if (entry === undefined) return false;
    setLabel(entry.fd, label, pathOf());
    return fstat(entry.fd).type === "directory";
  });
}

const systemPaths = new Set(
  "/ /bin /boot /dev /etc /etc/passwd /etc/pki /etc/shadow /home /lib /lib64 /media /opt /proc /root /run /sbin /srv /sys /system /tmp /usr /var /var/lib /var/log".split(
    " ",
  ),
);

/** A slip of the pen must not take the host apart. */
const isOfSystem = (path: string): boolean => systemPaths.has(path.replace(/(?<=.)\/+$/, "").replace(/\/+/g, "/"));
