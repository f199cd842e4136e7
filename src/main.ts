/** From the process to a role, and to the exit code. All output is written by then (cli/words/print.ts). */

import { versionLine } from "./version.ts";

// By this name, a symbolic link, it is an OCI runtime, to which podman or containerd give words of its own.
const isRuntime = /(^|\/)tinydocker-runtime$/.test(process.argv0);
const argv = isRuntime ? ["runtime", ...process.argv.slice(2)] : process.argv.slice(2);
const [only] = argv;
// The question costs what an empty program costs: nothing is loaded for it.
const exitNow = (code: number) => (require("./linux/clone.ts") as typeof import("./linux/clone.ts")).exitNow(code);
if (argv.length === 1 && (only === "--version" || only === "-v")) {
  try {
    await Bun.write(Bun.stdout, `${versionLine()}\n`);
  } catch {
    // By the long way the reason is told.
    exitNow(await (await import("./cli/role.ts")).play(["-l", "info", "--version"]));
  }
} else {
  const { crash, play } = await import("./cli/role.ts");
  // Thrown by a listener, say: bun would print our code and wait for ever for what does not come any more.
  process.on("uncaughtException", (error) => exitNow(crash(error)));
  process.on("unhandledRejection", (error) => exitNow(crash(error)));
  exitNow(await play(argv));
}
