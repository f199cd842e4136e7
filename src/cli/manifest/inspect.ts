/** `tinydocker manifest inspect`: the manifest of an image of a registry, or the index of its platforms. */

import { remoteManifest } from "../../engine/image/remote.ts";
import { findList, readList } from "../../image/registry/lists.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { notice, printLine } from "../words/print.ts";
import { tlsArgs } from "../words/tls.ts";

export default defineCommand({
  meta: {
    name: "manifest inspect",
    description: "Show a list that is here, or the manifest of an image of a registry",
  },
  args: {
    image: { type: "positional", required: true, description: "Image name, with a tag or digest" },
    insecure: { type: "boolean", description: "As --tls-verify=false" },
    ...tlsArgs,
  },
  examples: ["tinydocker manifest inspect alpine:3.20"],
  run: async ({ image, insecure, "tls-verify": verifyTls }, { root }) => {
    const paths = pathsOf(root);
    const isOurs = process.geteuid?.() === 0 && findList(paths, image) !== undefined;
    const { bytes } = isOurs
      ? readList(paths, image)
      : await remoteManifest(image, { verifyTls: verifyTls && !insecure, notice });
    printLine(JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)), undefined, "\t"));
    return 0;
  },
});
