/** Scripts of test/support that go on inside a sandbox while a test talks to them. */

import { join } from "node:path";
import type { Sandbox } from "./sandbox.ts";

export const script = (name: string): string => join(import.meta.dir, name);

/** Starts one, waits until it says "ready", and ends it with its stdin: `await using server = await start(box, "echo.ts")`. */
export async function start(box: Sandbox, name: string, ...args: string[]) {
  const child = Bun.spawn(box.command([process.execPath, script(name), ...args]), {
    env: box.environment(),
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { value } = await child.stdout.getReader().read();
  const [word, ...said] = new TextDecoder().decode(value).trimEnd().split(" ");
  if (word !== "ready") throw new Error(`${name} did not start`);
  return {
    pid: child.pid,
    /** What it said after "ready". */
    said: said.join(" "),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await child.exited;
    },
  };
}

export type Started = Awaited<ReturnType<typeof start>>;
