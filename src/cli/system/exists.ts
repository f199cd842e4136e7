/** `tinydocker container|image|network|secret|volume exists`: an exit code for scripts, and no output. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { findKnownNetwork } from "../../engine/network/known.ts";
import { findAnyContainer } from "../../engine/record/container.ts";
import { findAnySecret } from "../../engine/record/secret.ts";
import { readAnyVolume } from "../../engine/record/volume.ts";
import { InvalidError, NotFoundError } from "../../errors.ts";
import { findAnyImage } from "../../image/store.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";

const finders: Record<string, (paths: Paths, name: string) => unknown> = {
  container: findAnyContainer,
  image: findAnyImage,
  network: findKnownNetwork,
  secret: findAnySecret,
  volume: readAnyVolume,
};

/** @param kind one of finders' */
export const existsCommand = (kind: "container" | "image" | "network" | "secret" | "volume") =>
  defineCommand({
    meta: { name: `${kind} exists`, description: `Exit with 0 if the ${kind} exists, with 1 if not` },
    args: {
      [kind]: {
        type: "positional",
        required: true,
        description: `Name${kind === "volume" ? "" : " or id"} to look for`,
      },
    },
    examples: [`tinydocker ${kind} exists ${kind === "image" ? "busybox" : "web"} && echo yes`],
    run: (values, { root }) => {
      const paths = pathsOf(root);
      if (kind === "container") recoverIfAllowed(paths);
      return isThere(() => finders[kind]!(paths, values[kind] as string)) ? 0 : 1;
    },
  });

/** What can't be a name is the name of nothing. */
function isThere(find: () => unknown): boolean {
  try {
    return find() !== undefined;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    if (error instanceof InvalidError && error.constructor === InvalidError) return false;
    throw error;
  }
}
