/** Root, which everything needs that changes the store or the host: asked for before anything is touched. */

import { UnsupportedError } from "../../errors.ts";

/** What `run`, `create`, `exec` and the like need root for. */
export const makingContainers = "making a container";

/** @throws UnsupportedError without root. @param doing what needs it: "loading images". */
export function requireRoot(doing: string): void {
  if (process.geteuid?.() !== 0) throw new UnsupportedError(`${doing} needs root`, sudoLine());
}

/** The line that would have worked: this command line with sudo before it. */
export function sudoLine(): string {
  const words = process.argv.slice(2);
  const quoted = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`));
  return `sudo tinydocker ${quoted.join(" ")}`;
}
