/** `tinydocker manifest add`: one more image in a list. */

import { requireRoot } from "../../engine/record/root.ts";
import { addToList, type EntryOptions } from "../../image/registry/lists.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { parsePairs } from "../words/pairs.ts";
import { printLine } from "../words/print.ts";

const entryArgs = {
  os: { type: "string", valueHint: "os", description: "Its operating system, if the image does not say it right" },
  arch: { type: "string", valueHint: "architecture", description: "Its architecture: amd64, arm64, arm, ..." },
  variant: { type: "string", valueHint: "variant", description: "Its variant: v7, v8, ..." },
  annotation: { type: "string", multiple: true, valueHint: "key=value", description: "Add an annotation to its entry" },
} as const;

/** @param name of the command: docker annotates what is in a list, podman adds to it; either does both here. */
const command = (name: "add" | "annotate") =>
  defineCommand({
    meta: {
      name: `manifest ${name}`,
      description: name === "add" ? "Add an image to a list" : "Say more of an image in a list",
    },
    args: {
      list: { type: "positional", required: true, description: "Name of the list" },
      image: { type: "positional", required: true, description: "An image that is here, by name or id" },
      ...entryArgs,
    },
    examples:
      name === "add"
        ? ["tinydocker manifest add registry.example/app:1 app:arm64"]
        : ["tinydocker manifest annotate --variant v7 registry.example/app:1 app:arm"],
    run: async ({ list, image, os, arch, variant, annotation }, { root }) => {
      requireRoot("changing lists");
      const options: EntryOptions = {
        ...(os !== undefined && { os }),
        ...(arch !== undefined && { architecture: arch }),
        ...(variant !== undefined && { variant }),
        annotations: parsePairs("--annotation", annotation),
      };
      printLine(await addToList(pathsOf(root), list, [image], options));
      return 0;
    },
  });

export default command("add");
export const annotate = command("annotate");
