/** What this program is for a container that has lost its monitor: who looks after its network (engine/network/keeper.ts). */

import { keep } from "../engine/network/keeper.ts";
import { pathsOf } from "../paths.ts";

/** `tinydocker network-keeper ID`, which nobody types. @returns the exit code. */
export function main([, id = ""]: string[]): number {
  const root = process.env.TINYDOCKER_ROOT;
  return root && /^[0-9a-f]{64}$/.test(id) ? keep(pathsOf(root), id) : 125;
}
