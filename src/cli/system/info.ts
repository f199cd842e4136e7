/** `tinydocker info`: what this host offers containers, and what is in the store. */

import { describeInfo, warnings } from "../../engine/system/describe.ts";
import { readInfo } from "../../engine/system/info.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printByFormat } from "../words/objects.ts";
import { printLine, warn } from "../words/print.ts";

export default defineCommand({
  meta: { name: "info", group: "System", description: "Show information about this host and the store" },
  args: { json: { type: "boolean", description: "Print JSON" }, ...inspectArgs },
  examples: ["tinydocker info", "tinydocker info --format '{{.ContainersRunning}}'"],
  run: ({ json, format }, global) => {
    const paths = pathsOf(global.root);
    if (format !== undefined) {
      printByFormat("info", describeInfo(paths), format);
      return 0;
    }
    const info = readInfo(paths);
    if (json) {
      printLine(JSON.stringify(info, null, 2));
      return 0;
    }
    const width = Math.max(...Object.keys(info).map((name) => name.length));
    for (const [name, value] of Object.entries(info)) {
      const text = Array.isArray(value) ? value.join(" ") || "none" : String(value);
      printLine(`${`${name}:`.padEnd(width + 2)}${text}`);
    }
    for (const line of warnings()) warn(line.replace(/^WARNING: N/, "n"));
    return 0;
  },
});
