/** `tinydocker version`: which tinydocker this is. */

import { commit, version } from "../version.ts";
import { defineCommand } from "./command.ts";
import { printLine } from "./print.ts";

export default defineCommand({
  meta: { name: "version", description: "Print the version" },
  args: { json: { type: "boolean", description: "As JSON" } },
  examples: ["tinydocker version"],
  run: ({ json }) => {
    const arch = process.arch;
    printLine(
      json ? JSON.stringify({ version, commit, bun: Bun.version, arch }) : `tinydocker ${version} (${commit}, ${arch})`,
    );
    return 0;
  },
});
