/** `tinydocker version`: which tinydocker this is. */

import { describeClient, describeServer } from "../../engine/system/version.ts";
import { commit, version, versionLine } from "../../version.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printByFormat } from "../words/objects.ts";
import { printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "version", group: "System", description: "Print the version" },
  args: { json: { type: "boolean", description: "Print JSON" }, ...inspectArgs },
  examples: ["tinydocker version", "tinydocker version --format '{{.Client.Version}}'"],
  run: ({ json, format }) => {
    if (format !== undefined) {
      printByFormat("version", { Client: describeClient(), Server: describeServer() }, format);
      return 0;
    }
    printLine(json ? JSON.stringify({ version, commit, bun: Bun.version, arch: process.arch }) : versionLine());
    return 0;
  },
});
