/** `tinydocker manifest push`: sends a list with all its images. */

import { push } from "../../engine/image/push.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { readList, removeList } from "../../image/registry/lists.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { notice, printLine } from "../words/print.ts";
import { tlsArgs } from "../words/tls.ts";

export default defineCommand({
  meta: { name: "manifest push", description: "Upload a list and its images to a registry" },
  args: {
    list: { type: "positional", required: true, description: "Name of the list; its host is the registry" },
    target: { type: "positional", required: false, description: "Push it under this name instead" },
    purge: { type: "boolean", alias: "p", description: "Remove the list here when it is there" },
    rm: { type: "boolean", description: "As --purge" },
    all: { type: "boolean", description: "Push all images of the list, which is what is done anyway" },
    insecure: { type: "boolean", description: "As --tls-verify=false" },
    ...tlsArgs,
  },
  examples: ["tinydocker manifest push registry.example/app:1"],
  run: async ({ list, target, purge, rm, insecure, "tls-verify": verifyTls }, { root }) => {
    requireRoot("pushing lists");
    const paths = pathsOf(root);
    readList(paths, list);
    const request = { image: list, target, verifyTls: verifyTls && !insecure };
    const report = {
      begin() {},
      layer() {},
      notice,
      end: (_: string, { digest }: { digest: string }) => printLine(digest),
    };
    await push(paths, request, report);
    if (purge || rm) removeList(paths, list);
    return 0;
  },
});
