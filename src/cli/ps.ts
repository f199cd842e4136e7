/** `tinydocker ps`: the containers that run, or all of them. */

import { type Container, isUp, listContainers } from "../engine/record.ts";
import { recoverIfAllowed } from "../engine/recover.ts";
import { pathsOf } from "../paths.ts";
import { givenArgs } from "../plan/spec.ts";
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
    const containers = listContainers(paths).filter((container) => all || isUp(container));
    if (quiet) {
      for (const { record } of containers) printLine(record.id.slice(0, 12));
      return 0;
    }
    const rows = containers.map((container) => {
      const { id, image, created, name } = container.record;
      const command = JSON.stringify(plain(commandOf(container)).slice(0, 20));
      return [id.slice(0, 12), plain(image), command, humanAge(created), statusText(container), plain(name)];
    });
    printTable(["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "NAMES"], rows);
    return 0;
  },
});

const commandOf = ({ record: { options, defaults } }: Container): string =>
  givenArgs(options, defaults).join(" ") || "/bin/sh";

/** As Docker words it: `Up 3 minutes`, `Exited (0) 2 hours ago`. */
function statusText({ state, status }: Container): string {
  const up = state.started === undefined ? "Up" : `Up ${humanAge(state.started).replace(/ ago$/, "")}`;
  const ago = state.finished === undefined ? "" : ` ${humanAge(state.finished)}`;
  return {
    created: "Created",
    running: up,
    paused: `${up} (Paused)`,
    unknown: `${up} (no monitor)`,
    restarting: `Restarting (${state.exitCode ?? 0})${ago}`,
    exited: `Exited (${state.exitCode ?? 0})${ago}`,
    damaged: "Damaged",
  }[status];
}
