/** `tinydocker run`: options and operands to one call of the engine. */

import type { Reporter, RunEnd, RunRequest } from "../../engine/container/request.ts";
import { run } from "../../engine/container/run.ts";
import { Failure, NotFoundError, SyscallError, UsageError } from "../../errors.ts";
import { watchTrees } from "../../linux/tree/watch.ts";
import { isatty } from "../../linux/tty.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import type { Stdio } from "../../runtime/stdio.ts";
import { defineCommand, type Values } from "../words/command.ts";
import { wantsTerminal } from "./caller.ts";
import { createRequest, lifecycle } from "./create-request.ts";
import { defaultDetachKeys } from "./defaults.ts";
import { runArgs } from "./run-args.ts";

export default defineCommand({
  meta: { name: "run", group: "Run", description: "Run a command in a new container" },
  args: runArgs,
  optionsFirst: true,
  examples: [
    "tinydocker run busybox.tar -- sh",
    "tinydocker run --rm -m 64 -c 0.5 -v ./data:/data:ro busybox ls /data",
  ],
  takesSignals: true,
  run: async (args, { root }) => {
    const request = runRequest(args);
    const paths = pathsOf(root);
    if (args.rmi) (await import("./rmi.ts")).checkRmi(paths, args);
    if (args.replace) await replace(paths, request.name);
    watchTrees((done) => progress().showStart(done, args.quiet));
    const alone = request.unseen?.length === 2;
    // Whoever sees nothing of it gets its id, as of one that is detached.
    const report = reporterFor(args);
    const end = await run(paths, request, alone ? { ...report, started: print().printLine } : report);
    const format = parseReport(args);
    if (format && "code" in end) (await import("./report.ts")).printReport(end, format);
    if (args.rmi && "code" in end) (await import("./rmi.ts")).removeRunImage(paths, args.image);
    return reportEnd(end, request);
  },
});

/** How to report; undefined if nobody asked. */
function parseReport({ report, detach, ...args }: Values<typeof runArgs>): "text" | "json" | undefined {
  const format = args["report-format"] ?? "text";
  if (!report && args["report-format"] !== undefined) throw new UsageError("--report-format needs --report");
  if (format !== "text" && format !== "json")
    throw new UsageError(`--report-format: ${JSON.stringify(format)} is not supported`, "text or json");
  if (report && detach)
    throw new UsageError("--report waits for the end, and --detach does not", "tinydocker inspect shows it, too");
  return report ? format : undefined;
}

/** The exit code; or the id of what goes on without us. */
export function reportEnd(end: RunEnd, { detach }: RunRequest | { detach: boolean }): number {
  if ("code" in end) return end.code;
  if (detach) printRunning(end.running);
  else print().sayDetached(`container ${end.running.slice(0, 12)}`);
  return 0;
}

/** It runs, whoever can be told of that. */
function printRunning(id: string): void {
  try {
    print().printLine(id);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new Failure(`container ${id.slice(0, 12)} is running, but ${error.message}`, "tinydocker ps");
  }
}

/** `--replace`: the container that has the name makes room. */
export async function replace(paths: Paths, name: string | undefined): Promise<void> {
  if (name === undefined) throw new UsageError("--replace needs a --name to replace");
  const { removeContainer } = await import("../../engine/container/remove.ts");
  const { findAnyContainer } = await import("../../engine/record/container.ts");
  try {
    removeContainer(paths, findAnyContainer(paths, name), { force: true });
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}

/** Loaded for those who have something to say, or load an image. */
const print = () => require("../words/print.ts") as typeof import("../words/print.ts");
const progress = () => require("../words/progress.ts") as typeof import("../words/progress.ts");

export const reporter: Reporter = {
  warn: (text) => print().warn(text),
  loading: (file) => progress().showProgress(file, "loading", true),
  pulling: (missing) => progress().showPullForRun(missing),
};

/** With `--quiet` nothing is said of what is loaded. */
export const reporterFor = ({ quiet }: { quiet?: boolean | undefined }): Reporter =>
  quiet ? { ...reporter, ...progress().quiet } : reporter;

/** Checks every option's value and makes the request; nothing of the host is touched. */
export function runRequest(given: Values<typeof runArgs>): RunRequest {
  const attached = given.attach.length > 0 ? lifecycle().attached(given) : undefined;
  const args = { ...given, ...attached };
  const terminal = wantsTerminal(args);
  const callerIsTerminal = isatty(0);
  const request = createRequest(args.rmi ? { ...args, rm: true } : args, terminal);
  return {
    ...request,
    settings: {
      ...request.settings,
      interactive: args.interactive ?? !args.detach,
      ...(parseReport(args) && { report: true }),
    },
    detach: args.detach ?? false,
    callerIsTerminal,
    stdio: planStdio(terminal, args).map((how, fd) => (attached?.unseen.includes(fd as 1) ? "unseen" : how)),
    ...(attached && { unseen: attached.unseen }),
    detachKeys:
      args["detach-keys"] === undefined ? defaultDetachKeys : lifecycle().parseDetachKeys(args["detach-keys"]),
    sigProxy: args["sig-proxy"] ?? true,
  };
}

/** What the program gets as 0, 1 and 2. */
export function planStdio(
  terminal: boolean,
  { interactive, tty }: { interactive?: boolean | undefined; tty?: boolean | undefined },
): Stdio {
  const stdin = interactive === false ? "null" : terminal ? "terminal" : "relay";
  if (!terminal) return [stdin, "relay", "relay"];
  // Asked for by name, a terminal takes all three (as Docker's); on our own account we leave `2>file` to the file.
  return [stdin, "terminal", tty || isatty(2) ? "terminal" : "relay"];
}
