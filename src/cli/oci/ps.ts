import { askHostPs, listProcesses } from "../../engine/inspect/top.ts";
import { Failure, UsageError } from "../../errors.ts";
import { processesOf } from "../../runtime/oci/processes.ts";
import { readState, statusOf } from "../../runtime/oci/state.ts";
import { alignColumns } from "../words/list.ts";
import { plain, printLine, printText } from "../words/print.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "ps", description: "List the processes of a container, by their numbers on the host" },
  args: {
    format: { type: "string", alias: "f", valueHint: "table|json", default: "table", description: "How to print them" },
    id: containerId,
    options: { type: "positional", multiple: true, description: "Options for ps(1) of the host, which then prints" },
  },
  optionsFirst: true,
  run: ({ format, id, options }, { root }) => {
    if (format !== "table" && format !== "json")
      throw new UsageError(`option --format is table or json, not ${JSON.stringify(format)}`);
    const state = readState(root, id);
    if (statusOf(root, state) === "stopped") throw new Failure("container not running");
    const pids = processesOf(state);
    if (format === "json") {
      printLine(JSON.stringify(pids));
      return 0;
    }
    const { titles, rows } = options.length > 0 ? askHostPs(pids, options) : listProcesses(pids);
    printText(alignColumns([titles, ...rows].map((row) => `${row.map(plain).join("\t")}\n`).join("")));
    return 0;
  },
});
