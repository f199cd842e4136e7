/** Rootfs mode: a command with a directory of the host as its root, in place. */

import type { RunRequest } from "../../engine/container/request.ts";
import { run } from "../../engine/container/run.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { statIfAny } from "../../linux/stat.ts";
import { isatty } from "../../linux/tty.ts";
import { absolutePath, pathsOf } from "../../paths.ts";
import { rootfsDefaults } from "../../plan/options.ts";
import { defineCommand } from "../words/command.ts";
import { wantsTerminal } from "./caller.ts";
import { defaultDetachKeys, defaultSettings } from "./defaults.ts";
import { planStdio, reportEnd, reporter } from "./run.ts";
import { commonArgs } from "./run-args.ts";
import { commonOptions } from "./run-options.ts";

/** Rootfs mode: `tinydocker [OPTIONS] -- COMMAND [ARGS...]` runs in a root directory, in place. */
export const rootfsMode = defineCommand({
  meta: { name: "tinydocker", description: "Run a command with a directory as its root" },
  args: {
    command: { type: "positional", multiple: true, description: "Command to run (/bin/sh)" },
    hostname: { ...commonArgs.hostname, description: `Host name of the container (${rootfsDefaults.hostname})` },
    cpus: {
      ...commonArgs.cpus,
      description: `Number of CPUs, fractions allowed; 0 is unlimited (${rootfsDefaults.limits.cpus})`,
    },
    memory: {
      ...commonArgs.memory,
      description: "Memory limit in MB, or with a unit b, k, m, g; 0 is unlimited (512)",
    },
    rootfs: {
      type: "string",
      alias: "r",
      valueHint: "path",
      default: "./rootfs",
      description: "Root directory of the container (./rootfs)",
    },
  },
  optionsFirst: true,
  examples: ["tinydocker -r ./rootfs -m 256 -- sh -c 'echo hello'"],
  takesSignals: true,
  run: (args, { root }) => {
    const terminal = wantsTerminal({});
    const request: RunRequest = {
      source: { rootfs: rootDirectory(args.rootfs) },
      options: commonOptions(args, args.command, terminal),
      settings: { ...defaultSettings, remove: true },
      detach: false,
      stdio: planStdio(terminal, {}),
      callerIsTerminal: isatty(0),
      detachKeys: defaultDetachKeys,
      sigProxy: true,
    };
    return run(pathsOf(root), request, reporter).then((end) => reportEnd(end, request));
  },
});

/** The root of rootfs mode, which must be there. */
function rootDirectory(path: string): string {
  if (path === "") throw new UsageError("option --rootfs needs a directory", "-r ./rootfs");
  const rootfs = absolutePath(path, process.cwd());
  if (statIfAny(rootfs)?.type === "directory") return rootfs;
  throw new NotFoundError(
    `there is no root directory ${path}`,
    `make one (mkdir ${path} && tar -xf busybox.tar -C ${path}), or run an image: tinydocker run busybox.tar`,
  );
}
