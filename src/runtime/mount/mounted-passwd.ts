/** HOME where the container's passwd(5) is a mount, which is not there yet when the user is looked up. */

import { O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY, openIfAny, owned, readAll } from "../../linux/file.ts";
import { fstat } from "../../linux/stat.ts";
import type { MountedPasswd } from "../../plan/host-step.ts";
import { findLine, homeIn, readText } from "./user.ts";

const maxBytes = 8 << 20;

/** The home of a user by a file that will lie over the root's /etc/passwd. */
export const homeByMounted = (passwd: MountedPasswd, uid: number): string =>
  homeIn(findLine(textOf(passwd), 2, String(uid)));

/** Empty if it is not there. Below a directory no link leads out of it. */
function textOf({ source, path }: MountedPasswd): string {
  using mounted = owned(openIfAny(source, path === "" ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY));
  if (mounted === undefined) return "";
  if (path !== "") return readText(mounted.fd, path);
  return fstat(mounted.fd).type === "file" ? new TextDecoder().decode(readAll(mounted.fd, source, maxBytes)) : "";
}
