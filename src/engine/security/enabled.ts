/** Which of the kernel's security modules are on. Every container is made with this knowledge; what they need is loaded where they are. */

import { readFileIfAny } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";

export const appArmorIsOn = (): boolean =>
  readFileIfAny("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") ?? false;

export const selinuxIsOn = (): boolean => statIfAny("/sys/fs/selinux/enforce") !== undefined;
