/** `tinydocker top`: the processes of a container. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { askHostPs, listProcesses, numbersOf } from "../../engine/inspect/top.ts";
import { emitContainerEvent, findContainer } from "../../engine/record/container.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { alignColumns } from "../words/list.ts";
import { plain, printText } from "../words/print.ts";

export default defineCommand({
  meta: { name: "top", group: "Inspect", description: "List the processes of a container" },
  args: {
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    options: {
      type: "positional",
      multiple: true,
      description: "Options for ps(1) of the host, which then prints the list",
    },
  },
  optionsFirst: true,
  examples: ["tinydocker top web", "tinydocker top web -o pid,rss,args"],
  run: ({ container: name, options }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const container = findContainer(paths, name);
    const pids = numbersOf(container);
    const { titles, rows } = options.length > 0 ? askHostPs(pids, options) : listProcesses(pids);
    emitContainerEvent(paths, container.record, "top");
    printText(alignColumns([titles, ...rows].map((row) => `${row.map(plain).join("\t")}\n`).join("")));
    return 0;
  },
});
