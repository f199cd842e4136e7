import { features } from "../../runtime/oci/features.ts";
import { printLine } from "../words/print.ts";
import { defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "features", description: "Print what this runtime can do, as JSON" },
  args: {},
  run: () => {
    printLine(JSON.stringify(features(), undefined, 2));
    return 0;
  },
});
