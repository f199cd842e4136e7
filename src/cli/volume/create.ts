/** `tinydocker volume create`: a volume, to be used by containers later. */

import { requireRoot } from "../../engine/record/root.ts";
import { makeVolume } from "../../engine/volume/create.ts";
import { UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { isVolumeName } from "../../plan/mounts.ts";
import { type Arguments, defineCommand } from "../words/command.ts";
import { parsePairs } from "../words/pairs.ts";
import { printDone, printLine } from "../words/print.ts";
import { refused } from "../words/refused.ts";

const ofSwarms = "is not supported: it is for the cluster volumes of a swarm";

/** Docker's for them. */
const clusterArgs = {
  availability: refused("string", ofSwarms),
  group: refused("string", ofSwarms),
  "limit-bytes": refused("string", ofSwarms, "-o type=tmpfs -o device=tmpfs -o o=size=100m limits a volume of memory"),
  "required-bytes": refused("string", ofSwarms),
  scope: refused("string", ofSwarms),
  secret: refused("string", ofSwarms),
  sharing: refused("string", ofSwarms),
  "topology-preferred": refused("string", ofSwarms),
  "topology-required": refused("string", ofSwarms),
  type: refused("string", ofSwarms, "-o type=TYPE is the type of what is mounted"),
} as const satisfies Arguments;

export default defineCommand({
  meta: { name: "volume create", description: "Create a volume" },
  args: {
    volume: { type: "positional", description: "Volume name (64 random digits)" },
    name: { type: "string", valueHint: "name", hidden: true, description: "Docker's old way to say the name" },
    driver: { type: "string", alias: "d", valueHint: "local", description: "Volume driver: local, the only one" },
    opt: {
      type: "string",
      alias: "o",
      multiple: true,
      valueHint: "name=value",
      description: "Driver option; type=none, o=bind and device=PATH use a directory of the host",
    },
    ...clusterArgs,
    label: { type: "string", multiple: true, valueHint: "key=value", description: "Set a label" },
  },
  examples: [
    "tinydocker volume create data",
    "tinydocker volume create -o type=none -o o=bind -o device=/srv/data data",
  ],
  run: ({ volume, name: old, driver = "local", opt, label }, { root }) => {
    requireRoot("making volumes");
    if (driver !== "local") throw new UsageError(`--driver: ${JSON.stringify(driver)} is not supported`, "local");
    if (old !== undefined && volume !== undefined)
      throw new UsageError("--name and VOLUME say the same in two ways", "one of them");
    const name = (volume ?? old) || undefined;
    if (name !== undefined && !isVolumeName(name))
      throw new UsageError(
        `${JSON.stringify(name)} is not a valid volume name`,
        "at least two of a-z A-Z 0-9 _ . -, beginning with a letter or digit",
      );
    const asked = {
      labels: parsePairs("--label", label),
      options: parsePairs("--opt", opt),
      anonymous: name === undefined,
    };
    const made = makeVolume(pathsOf(root), { ...asked, ...(name !== undefined && { name }) });
    printDone(`volume ${made} is created`, () => printLine(made));
    return 0;
  },
});
