import { currentReport } from "../../runtime/oci/report.ts";
import { readState } from "../../runtime/oci/state.ts";
import { printLine } from "../words/print.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "state", description: "Print what a container is and does, as JSON" },
  args: { id: containerId },
  run: ({ id }, { root }) => {
    printLine(JSON.stringify(currentReport(root, readState(root, id)), undefined, 2));
    return 0;
  },
});
