/** What a person sees at a terminal, and a program does not: colours, and the progress of what takes time. */

import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, type Machine, withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";

const test = needing(root);

/** What a command prints at a terminal. */
async function atTerminal(machine: Machine, args: string[], env: Record<string, string> = {}): Promise<string> {
  const pty = new Pty(machine.command([binary(), ...args]), {
    env: machine.environment({ TERM: "xterm", ...env }),
    cwd: machine.directory,
  });
  await using _ = pty;
  await pty.exit(60_000);
  return pty.output;
}

const csi = "\u001b[";

test("colours are for terminals that know them, and for people who did not say NO_COLOR", async () => {
  await withMachine([], async (machine) => {
    expect(await atTerminal(machine, ["--help"])).toContain(`${csi}1mRun:${csi}0m`);
    expect(await atTerminal(machine, ["nonsense"])).toContain(`${csi}31mtinydocker:${csi}0m unknown command`);
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }])
      for (const args of [["--help"], ["nonsense"]]) {
        const printed = await atTerminal(machine, args, env);
        expect(printed).not.toContain(csi);
        expect(printed).not.toBe("");
      }
    const { stdout } = await machine.run(["--help"]);
    const { stderr } = await machine.run(["nonsense"]);
    expect(stdout + stderr).not.toContain(csi);
  });
});

test("what takes time shows how far it is, on one line that goes away", async () => {
  await withMachine(
    ["busybox"],
    async (machine) => {
      await machine.run(["create", "--name", "box", "busybox", "true"]);
      const commands: [string, string[]][] = [
        ["loading busybox.tar [", ["load", "-i", imageTar("busybox"), "-t", "other"]],
        ["importing busybox.tar", ["import", imageTar("busybox"), "third"]],
        ["copying many", ["cp", "many", "box:/many"]],
        ["committing box", ["commit", "box", "fourth"]],
        ["saving fourth layer", ["save", "-o", "tmp/saved.tar", "fourth"]],
        ["exporting box", ["export", "-o", "tmp/exported.tar", "box"]],
      ];
      for (const [line, args] of commands) {
        const printed = await atTerminal(machine, args);
        expect([args, printed]).toEqual([args, expect.stringContaining(`\r${csi}K${line}`)]);
        // Cleared when it is over: nothing of it stands before what was made.
        expect(printed.slice(printed.lastIndexOf("\r\u001b[K"))).not.toContain(line);
      }
      for (const args of [
        ["save", "-q", "-o", "tmp/saved.tar", "fourth"],
        ["cp", "-q", "many", "box:/many"],
      ])
        expect([args, await atTerminal(machine, args)]).toEqual([args, ""]);
      expect(await atTerminal(machine, ["cp", "many", "box:/many"])).toMatch(
        /Successfully copied \S+ to box:\/many\r\n$/,
      );
      // Where there is no terminal nothing is said, as by Docker; and what is wrong is said alone, and first.
      for (const [, args] of commands) {
        const { code, stderr } = await machine.run(args);
        expect([args, code, stderr]).toEqual([args, 0, ""]);
      }
      for (const args of [
        ["load", "-i", "/nowhere"],
        ["import", "/nowhere"],
        ["cp", "/nowhere", "box:/many"],
        ["commit", "nobody"],
        ["commit", "box", "Not:a:name"],
        ["save", "nobody"],
        ["export", "nobody"],
      ]) {
        const printed = await atTerminal(machine, args);
        expect([args, printed]).toEqual([args, expect.not.stringMatching(/load|import|copying|committ|saving|export/)]);
      }
      await machine.run(["rm", "box"]);
      await machine.exec(["sh", "-c", "rm -f tmp/saved.tar tmp/exported.tar"]);
      await machine.run(["rmi", "other", "third", "fourth"]);
      await machine.run(["image", "prune", "-f"]);
    },
    async (machine) => {
      mkdirSync(join(machine.directory, "many"));
      for (let file = 0; file < 20; file++)
        writeFileSync(join(machine.directory, "many", `${file}`), Buffer.alloc(100_000, "x"));
    },
  );
});

test("so does what is copied for a container, or given to its user, here and by its monitor", async () => {
  await withMachine(["busybox"], async (machine) => {
    await machine.run(["run", "--name", "many", "-w", "/files", "busybox", "sh", "-c", "seq 1100 | xargs touch"]);
    await machine.run(["commit", "many", "many"]);
    await machine.run(["rm", "many"]);
    const run = (...options: string[]) =>
      atTerminal(machine, ["run", "--rm", "--network", "none", "-u", "1000", ...options, "many", "echo", "ready"]);
    const drawn = (text: string) => new RegExp(`^\\r\u001b\\[K${text}.*\\r\u001b\\[Kready\\r\\n$`, "s");
    const copied = drawn("copying: 1024 files, 0B, of the image's /files");
    const given = drawn("changing owners: 1024 files of ");
    expect(await run("-t=false", "-v", "files:/files")).toMatch(copied);
    expect(await run("-t=false", "-v", "files:/files:U")).toMatch(given);
    expect(await run("-t", "-v", "more:/files")).toMatch(copied);
    expect(await run("-t", "-q", "-v", "again:/files")).toBe("ready\r\n");
    await machine.run(["volume", "rm", "files", "more", "again"]);
    await machine.run(["rmi", "many"]);
  });
});

test("the removal of many files shows how far it is", async () => {
  await withMachine(["busybox"], async (machine) => {
    const fill = ["run", "--rm", "--network", "none", "-w", "/files", "-v", "files:/files", "busybox"];
    await machine.run([...fill, "sh", "-c", "seq 2000 | xargs touch"]);
    const printed = await atTerminal(machine, ["volume", "rm", "files"]);
    expect(printed).toMatch(/^\r\u001b\[Kremoving: 1024 files are gone.*\r\u001b\[Kfiles\r\n$/s);
  });
});
