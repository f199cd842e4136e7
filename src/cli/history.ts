/** `tinydocker history`: how an image came to be, the newest step first. */

import { imageHistory } from "../engine/history.ts";
import { pathsOf } from "../paths.ts";
import { defineCommand } from "./command.ts";
import { humanAge, humanSize, plain, printLine, printTable } from "./print.ts";

const createdByWidth = 45;

export default defineCommand({
  meta: { name: "history", description: "Show how an image came to be" },
  args: {
    image: { type: "positional", required: true, description: "A name, or an id or the beginning of one" },
    quiet: { type: "boolean", alias: "q", description: "Only the ids" },
    "no-trunc": { type: "boolean", description: "Do not shorten ids and commands" },
    human: { type: "boolean", alias: "H", default: true, description: "Sizes and times for people" },
  },
  examples: ["tinydocker history busybox"],
  run: ({ image, quiet, "no-trunc": full, human }, { root }) => {
    const short = (text: string, width: number) =>
      full || text.length <= width ? text : `${text.slice(0, width - 1)}…`;
    const steps = imageHistory(pathsOf(root), image);
    const shownId = (id: string | undefined) =>
      id === undefined ? "<missing>" : full ? id : id.slice("sha256:".length, "sha256:".length + 12);
    if (quiet) {
      for (const { id } of steps) printLine(shownId(id));
      return 0;
    }
    const rows = steps.map(({ id, created, createdBy, sizeBytes, comment }) => [
      shownId(id),
      human ? (created === undefined ? "N/A" : humanAge(created)) : (created ?? ""),
      short(plain(createdBy.replaceAll("\t", " ")), createdByWidth),
      human ? humanSize(sizeBytes) : String(sizeBytes),
      plain(comment),
    ]);
    printTable(["IMAGE", human ? "CREATED" : "CREATED AT", "CREATED BY", "SIZE", "COMMENT"], rows);
    return 0;
  },
});
