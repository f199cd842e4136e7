/** What is wrong is said by the name that the caller gave it, with the right thing to do. */

import { expect } from "bun:test";
import { binary } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";

const test = needing(root);

const onTerminal = (machine: Machine, args: string[]): Pty =>
  new Pty(machine.command([binary(), ...args]), { env: machine.environment(), cwd: machine.directory });

test("a message names the option, the file or the command that it is about, and its hint is about that", async () => {
  await withMachine(["busybox"], async (machine) => {
    ok(await machine.run(["create", "--name", "box", "busybox", "true"]));
    ok(await machine.run(["volume", "create", "data"]));
    for (const [words, message, stdin] of [
      [["run", "--env-file", ".", "busybox"], "--env-file: . is a directory, not a file"],
      [["run", "--env-file", "nowhere", "busybox"], "--env-file: there is no file nowhere"],
      [["create", "--label-file", "nowhere", "busybox"], "--label-file: there is no file nowhere"],
      [["exec", "--env-file", "", "box", "true"], '--env-file: there is no file ""'],
      [["--config", "nowhere", "ps"], "option --config: there is no file nowhere"],
      [["run", "--name", "a".repeat(200), "busybox"], /--name: "a{64}"\.\.\. is not .*\n.*hint: 2 to 128 of/],
      [["network", "create", "bridge"], "bridge is pre-defined"],
      [["cp", "box:", "x"], "box: names no path in the container"],
      [["cp", "-", "box:/"], /^tinydocker: stdin is not a tar: it has 8 bytes, less than one header\n$/, "garbage\n"],
      [["volume", "import", "data", "/etc"], /^tinydocker: \/etc is a directory, not a tar\n$/],
      [["volume", "import", "data", "/dev/null"], /^tinydocker: \/dev\/null is a device, not a tar\n$/],
      [["load", "-i", "/dev/null"], "/dev/null is a device, not an image"],
      [["update", "--cpus", "99999", "box"], /--cpus: 99999 is more than any machine has\n$/],
      [
        ["update", "--cpus", "8000", "box"],
        /^tinydocker: --cpus: 8000 CPUs are more than there are: this machine has \d+\n$/,
      ],
      [["run", "-c", "512", "busybox"], "a weight for Docker, which is --cpu-shares 512"],
      [["ps", "--hlp"], "did you mean --help?"],
      [["stop"], "hint: see tinydocker stop --help"],
      [["update", "box"], "--restart: see tinydocker update --help"],
      [["run", "--bogus", "busybox"], "hint: see tinydocker run --help"],
      [["image", "ls", "--bogus"], "hint: see tinydocker image ls --help"],
    ] as [string[], string | RegExp, string?][]) {
      const { code, stderr } = await machine.run(words, { stdin: stdin ?? "" });
      expect([words, code === 1 || code === 125]).toEqual([words, true]);
      if (typeof message === "string") expect(stderr).toContain(message);
      else expect(stderr).toMatch(message);
    }
    expect(ok(await machine.run(["run", "--rm", "--help=false", "busybox", "echo", "runs"]))).toBe("runs");
    ok(await machine.run(["rm", "box"]));
    ok(await machine.run(["volume", "rm", "data"]));
  });
});

test("an error lists the values that help lists", async () => {
  await withMachine(["busybox"], async (machine) => {
    for (const [command, option] of [
      ["run", "restart"],
      ["run", "log-driver"],
      ["run", "health-on-failure"],
      ["run", "pid"],
      ["run", "ipc"],
      ["run", "uts"],
      ["run", "cgroupns"],
      ["run", "report-format"],
      ["wait", "condition"],
      ["inspect", "type"],
      ["save", "format"],
      ["network create", "driver"],
      ["", "log-level"],
    ] as const) {
      const words = command.split(" ").filter(Boolean);
      const { stderr } = await machine.run(
        [...words, "--report", `--${option}=nonsense`, "busybox"].filter(
          (word) => option === "report-format" || word !== "--report",
        ),
      );
      const [, listed = ""] = /hint: (?:one of )?(.*)/.exec(stderr) ?? [];
      const values = listed.split(/, | or /).map((value) => value.replace(/ .*$/, ""));
      expect([command, option, values.length > 1]).toEqual([command, option, true]);
      const help = ok(await machine.run([...words, "--help"]));
      const [description = ""] = new RegExp(`--${option} [\\s\\S]*?(?=\n +(-\\w, )?--|\n\n)`).exec(help) ?? [];
      for (const value of values)
        expect([command, option, description]).toEqual([command, option, expect.stringContaining(value)]);
    }
  });
});

test("ps shows a command as Docker does: arguments with spaces in quotes, and nothing that a terminal obeys", async () => {
  await withMachine(["busybox"], async (machine) => {
    ok(await machine.run(["create", "--name", "box", "busybox", "sh", "-c", 'echo "a"; sleep 1']));
    expect(ok(await machine.run(["ps", "-a", "--no-trunc", "--format", "{{.Command}}"]))).toBe(
      `"sh -c 'echo \\"a\\"; sleep 1'"`,
    );
    ok(await machine.run(["rm", "box"]));
  });
});

test("who leaves a container by the detach keys is told that it goes on, in a line of its own", async () => {
  await withMachine(["busybox"], async (machine) => {
    await using pty = onTerminal(machine, ["run", "-it", "--name", "box", "busybox", "sh"]);
    await pty.waitFor("#");
    pty.type("\x10\x11");
    expect(await pty.exit()).toBe(0);
    expect(pty.output).toMatch(/\r\ntinydocker: detached: container [0-9a-f]{12} keeps running\r\n$/);
    await using again = onTerminal(machine, ["attach", "box"]);
    again.type("echo he''re\r");
    await again.waitFor("here");
    again.type("\x10\x11");
    expect(await again.exit()).toBe(0);
    expect(again.output).toEndWith("\r\ntinydocker: detached: box keeps running\r\n");
    await using inside = onTerminal(machine, ["exec", "-it", "box", "sh"]);
    await inside.waitFor("#");
    inside.type("\x10\x11");
    expect(await inside.exit()).toBe(0);
    expect(inside.output).toEndWith("\r\ntinydocker: detached: the command keeps running\r\n");
    ok(await machine.run(["rm", "-f", "box"]));
  });
});
