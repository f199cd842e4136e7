/** `tinydocker history`: how an image came to be, the newest step first. */

import { type HistoryStep, imageHistory } from "../../engine/image/history.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { type Listing, listArgs, printList } from "../words/list.ts";
import { platformArgs, platformCheck } from "../words/platform.ts";
import { humanAge, humanSize, printLine } from "../words/print.ts";
import { rfc3339 } from "../words/time.ts";

const { filter: _, ...historyArgs } = listArgs;

export default defineCommand({
  meta: { name: "history", group: "Images", description: "Show the history of an image" },
  args: {
    image: { type: "positional", required: true, description: "Image name, id, or unique id prefix" },
    human: {
      type: "boolean",
      alias: "H",
      default: true,
      description: "Print sizes and times in a readable form (default true)",
    },
    ...historyArgs,
    ...platformArgs,
  },
  examples: ["tinydocker history busybox", "tinydocker history --no-trunc --format '{{.CreatedBy}}' busybox"],
  run: ({ image, human = true, "no-trunc": full = false, format, quiet, platform }, { root }) => {
    const steps = imageHistory(pathsOf(root), image, platformCheck(platform));
    // One line for each step, also where several have no id.
    if (quiet) for (const step of steps) printLine(idOf(step, full));
    else printList(listing({ full, human }), steps, { format });
    return 0;
  },
});

const listing = ({ full, human }: { full: boolean; human: boolean }): Listing<HistoryStep> => ({
  type: "history",
  columns: {
    ID: ["IMAGE", (step) => idOf(step, full)],
    CreatedSince: ["CREATED", ({ created }) => (created === undefined ? "N/A" : humanAge(created))],
    CreatedAt: [
      "CREATED AT",
      ({ created }) => (created === undefined ? "N/A" : rfc3339(Date.parse(created)).replace(/\.\d+/, "")),
    ],
    CreatedBy: ["CREATED BY", ({ createdBy }) => (full ? createdBy : shortened(createdBy))],
    Size: ["SIZE", ({ sizeBytes }) => (human ? humanSize(sizeBytes) : String(sizeBytes))],
    Comment: ["COMMENT", ({ comment }) => comment],
  },
  table: ["ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"],
  quiet: "ID",
});

const idOf = ({ id }: HistoryStep, full: boolean): string =>
  id === undefined ? "<missing>" : full ? id : id.slice("sha256:".length, "sha256:".length + 12);

const width = 45;
const shortened = (text: string): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);
