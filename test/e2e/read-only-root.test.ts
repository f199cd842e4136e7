/** A state root that became read-only, as ext4 makes it after an error: what there is can be seen and stopped (V5). */

import { expect } from "bun:test";
import { binary } from "../support/cli.ts";
import { withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

test("containers are seen, entered and stopped; what has to be written says why it can't", async () => {
  await withMachine(["busybox"], async (machine) => {
    const script = 'trap "exit 3" TERM; echo hello; while :; do sleep 0.05; done';
    for (const [name, ...command] of [
      ["one", "sh", "-c", script],
      ["two", "sleep", "1000"],
    ])
      await machine.run(["run", "-d", "--network", "none", "--name", name!, "busybox", ...command]);
    const readOnly = `mount --bind ${machine.root} ${machine.root}; mount -o remount,ro,bind ${machine.root}; exec "$0" "$@"`;
    const run = (...args: string[]) => machine.exec(["unshare", "-m", "sh", "-c", readOnly, binary(), ...args]);
    const works: [string[], string][] = [
      [["ps", "-aq", "--no-trunc"], ""],
      [["inspect", "-f", "{{.State.Status}}", "one"], "running\n"],
      [["logs", "one"], "hello\n"],
      [["images", "-q"], ""],
      [["exec", "one", "echo", "inside"], "inside\n"],
      [["system", "df"], ""],
      [["stop", "one"], "one\n"],
      [["wait", "one"], "3\n"],
      [["kill", "two"], "two\n"],
    ];
    for (const [args, expected] of works) {
      const { code, stdout, stderr } = await run(...args);
      expect([args.join(" "), code, expected || stdout, stderr]).toEqual([args.join(" "), 0, stdout, ""]);
    }
    for (const args of [
      ["rm", "one"],
      ["run", "busybox"],
      ["tag", "busybox", "x"],
      ["volume", "create", "vol"],
    ]) {
      const { code, stderr } = await run(...args);
      expect([code === 0, stderr]).toEqual([
        false,
        expect.stringMatching(/EROFS.*\n.*hint: that file system is read-only/),
      ]);
    }
    await machine.run(["rm", "-f", "one", "two"]);
  });
});
