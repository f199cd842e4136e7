/** `tinydocker exec`: another command in a container that runs. */

import { execInContainer } from "../../engine/container/exec.ts";
import { findContainer } from "../../engine/record/container.ts";
import { makingContainers, requireRoot } from "../../engine/record/root.ts";
import { getSize, isatty } from "../../linux/tty.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { readEnv, wantsTerminal } from "./caller.ts";
import { defaultDetachKeys } from "./defaults.ts";

/** Loaded for those who say who and where. */
const print = () => require("../words/print.ts") as typeof import("../words/print.ts");
const lifecycle = () => require("./lifecycle.ts") as typeof import("./lifecycle.ts");
const units = () => require("../words/units.ts") as typeof import("../words/units.ts");

export default defineCommand({
  meta: { name: "exec", group: "Run", description: "Run a command in a running container" },
  args: {
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    command: { type: "positional", multiple: true, required: true, description: "Command to run" },
    "detach-keys": {
      type: "string",
      empty: "checked",
      valueHint: "keys",
      description: "Key sequence that detaches from the command (ctrl-p,ctrl-q)",
    },
    detach: { type: "boolean", alias: "d", description: "Run the command in the background" },
    env: {
      type: "string",
      alias: "e",
      multiple: true,
      valueHint: "name=value",
      description: "Set an environment variable",
    },
    "env-file": {
      type: "string",
      multiple: true,
      valueHint: "file",
      description: "Read environment variables from a file",
    },
    interactive: { type: "boolean", alias: "i", description: "Connect stdin (the default when run from a terminal)" },
    tty: { type: "boolean", alias: "t", description: "Allocate a terminal (the default when run from one)" },
    privileged: { type: "boolean", description: "Grant all capabilities" },
    user: { type: "string", alias: "u", valueHint: "user[:group]", description: "User to run as (the container's)" },
    workdir: { type: "string", alias: "w", valueHint: "dir", description: "Working directory (the container's)" },
  },
  optionsFirst: true,
  examples: ["tinydocker exec web ps", "tinydocker exec -it web sh"],
  takesSignals: true,
  run: (args, { root }) => {
    requireRoot(makingContainers);
    const paths = pathsOf(root);
    const terminal = wantsTerminal(args);
    const interactive = !args.detach && (args.interactive ?? (terminal || isatty(0)));
    const options = {
      command: args.command,
      env: readEnv(args),
      ...(args.workdir && { workdir: units().parseWorkdir(args.workdir) }),
      ...(args.user && { user: units().parseUser(args.user) }),
      terminal,
      ...(terminal && isatty(0) && { terminalSize: getSize(0) }),
      privileged: args.privileged ?? false,
      detach: args.detach ?? false,
    };
    const keys = args["detach-keys"];
    const detachKeys = keys === undefined ? defaultDetachKeys : lifecycle().parseDetachKeys(keys);
    const detachable = terminal && interactive && isatty(0) && detachKeys.length > 0;
    const stdin = !interactive ? "null" : terminal ? "terminal" : "relay";
    const out = args.detach ? "null" : terminal ? "terminal" : "relay";
    const stdio = [stdin, out, out] as const;
    return execInContainer(
      paths,
      findContainer(paths, args.container),
      { ...options, detachable },
      {
        stdio: [...stdio],
        callerIsTerminal: isatty(0),
        ...(detachable && { detachKeys, onDetached: () => print().sayDetached("the command") }),
      },
    );
  },
});
