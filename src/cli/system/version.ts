/** `tinydocker version`: which tinydocker this is. */

import { commit, version, versionLine } from "../../version.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printByFormat } from "../words/objects.ts";
import { printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "version", group: "System", description: "Print the version" },
  args: { json: { type: "boolean", description: "Print JSON" }, ...inspectArgs },
  examples: ["tinydocker version", "tinydocker version --format '{{.Client.Version}}'"],
  run: ({ json, format }) => {
    const arch = process.arch;
    if (format !== undefined) {
      // There is no server: who asks for one means us.
      const program = { Version: version, GitCommit: commit, Os: "linux", Arch: arch === "x64" ? "amd64" : arch };
      printByFormat("version", { Client: program, Server: program }, format);
      return 0;
    }
    printLine(json ? JSON.stringify({ version, commit, bun: Bun.version, arch }) : versionLine());
    return 0;
  },
});
