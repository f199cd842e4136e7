/** `tinydocker images`: what is in the store. */

import { listImages } from "../image/store.ts";
import { pathsOf } from "../paths.ts";
import { defineCommand } from "./command.ts";
import { humanAge, humanSize, plain, printLine, printTable } from "./print.ts";

export default defineCommand({
  meta: { name: "images", description: "List images" },
  args: {
    quiet: { type: "boolean", alias: "q", description: "Only their ids" },
    "no-trunc": { type: "boolean", description: "Do not shorten the ids" },
  },
  examples: ["tinydocker images"],
  run: ({ quiet, "no-trunc": full }, { root }) => {
    const images = listImages(pathsOf(root));
    const shown = (id: string) => (full ? id : id.slice("sha256:".length, "sha256:".length + 12));
    if (quiet) {
      for (const { id } of images) printLine(shown(id));
      return 0;
    }
    const rows = images.flatMap(({ id, references, created, sizeBytes }) => {
      const names = references.length > 0 ? references : ["<none>:<none>"];
      return names.map((reference) => {
        const colon = reference.lastIndexOf(":");
        const [name, tag] = [reference.slice(0, colon), reference.slice(colon + 1)];
        return [plain(name), plain(tag), shown(id), humanAge(created), humanSize(sizeBytes)];
      });
    });
    printTable(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"], rows);
    return 0;
  },
});
