/** `tinydocker ps`: the containers that run, or all of them. */

import { listContainers, recoverIfAllowed } from "../engine/container.ts";
import { pathsOf } from "../paths.ts";
import { defineCommand } from "./command.ts";
import { humanAge, plain, printLine, printTable } from "./print.ts";

export default defineCommand({
  meta: { name: "ps", description: "List containers" },
  args: {
    all: { type: "boolean", alias: "a", description: "Also those that have ended" },
    quiet: { type: "boolean", alias: "q", description: "Only their ids" },
  },
  examples: ["tinydocker ps -a"],
  run: ({ all, quiet }, global) => {
    const paths = pathsOf(global.root);
    recoverIfAllowed(paths);
    const containers = listContainers(paths).filter(({ status }) => all || status === "running");
    if (quiet) {
      for (const { id } of containers) printLine(id.slice(0, 12));
      return 0;
    }
    const rows = containers.map(({ id, image, command, created, status, exitCode, finished, name }) => [
      id.slice(0, 12),
      plain(image),
      JSON.stringify(plain(command.join(" ")).slice(0, 20)),
      humanAge(created),
      status === "exited"
        ? `Exited (${exitCode}) ${humanAge(finished!)}`
        : { running: "Up", unknown: "Unknown", damaged: "Damaged" }[status],
      plain(name),
    ]);
    printTable(["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "NAMES"], rows);
    return 0;
  },
});
