/** Completion as the shells do it, the manual page as man(1) reads it, and commands in groups. */

import { describe, expect } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { binary } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { needing, root, tool } from "../support/needs.ts";
import { Pty } from "../support/pty.ts";

const test = needing(root);

/** A machine with an image, and tinydocker in the PATH. */
const withShell = (use: (machine: Machine, env: Record<string, string>) => Promise<void>) =>
  withMachine(
    ["busybox"],
    async (machine) => {
      const directory = dirname(machine.file("bin/"));
      await use(machine, machine.environment({ PATH: `${join(directory, "bin")}:${process.env.PATH}` }));
    },
    async (machine) => symlinkSync(binary(), join(machine.file("bin/"), "tinydocker")),
  );

describe("bash completes", () => {
  /** What it would offer; the words are cut as bash cuts them. */
  const offers = async (machine: Machine, env: Record<string, string>, ...words: string[]) => {
    const line = words.join(" ").replace(/ ([:=])( |$)/g, "$1");
    const script = `. <(tinydocker completion bash); COMP_LINE=$1; COMP_POINT=\${#1}; COMP_WORDS=("\${@:2}")
      COMP_CWORD=$(($# - 2)); _tinydocker; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await machine.exec(["bash", "--norc", "-c", script, "bash", line, ...words], { env });
    expect(stderr).toBe("");
    return stdout.split("\n").filter(Boolean);
  };
  test("commands, groups, options, values, images and files", async () => {
    await withShell(async (machine, env) => {
      const of = (...words: string[]) => offers(machine, env, "tinydocker", ...words);
      expect(await of("imag")).toEqual(["images", "image"]);
      expect(await of("image", "l")).toEqual(["load", "ls"]);
      expect(await of("run", "--cap-")).toEqual(["--cap-add", "--cap-drop"]);
      expect(await of("run", "--network", "=", "h")).toEqual(["host"]);
      expect(await of("run", "--network", "=")).toEqual(["bridge", "none", "host"]);
      expect(await of("rmi", "b")).toEqual(["busybox", "busybox:latest"]);
      expect(await of("rmi", "busybox", ":", "l")).toEqual(["latest"]);
      expect(await of("rmi", "busybox", ":")).toEqual(["latest"]);
      expect(await of("load", "-i", "/et")).toEqual(["/etc"]);
      expect(await of("nonsense", "")).toEqual([]);
    });
  });
  test("at a prompt, by the Tab key", async () => {
    await withShell(async (machine, env) => {
      const shell = new Pty(machine.command(["bash", "--norc", "--noprofile", "-i"]), { env, cwd: machine.directory });
      await using _ = shell;
      shell.line("unset HISTFILE; PS1='% '; . <(tinydocker completion bash); echo do''ne");
      await shell.waitFor("done\r\n");
      shell.type("tinydocker rmi busy");
      shell.press("tab");
      await shell.waitFor("box");
      shell.type(":l");
      shell.press("tab");
      await shell.waitFor(":latest");
      shell.press("ctrl-c");
      await shell.waitFor(/\^C[^%]*% /);
      shell.type("tinydocker image l");
      shell.press("tab");
      shell.press("tab");
      await shell.waitFor(/load +ls/);
      shell.press("ctrl-c");
      await shell.waitFor(/\^C[^%]*% /);
      shell.press("ctrl-d");
      await shell.exit();
    });
  });
});

describe("zsh completes", () => {
  /** Ctrl-C until there is a prompt again: while zsh is still completing, it ends that and nothing else. */
  async function interrupt(shell: Pty): Promise<void> {
    for (let tries = 1; ; tries++) {
      shell.press("ctrl-c");
      try {
        await shell.waitFor("% ");
        return;
      } catch (error) {
        if (tries === 5) throw error;
      }
    }
  }
  needing(root, tool("zsh"))("at a prompt, by the Tab key", async () => {
    await withShell(async (machine, env) => {
      const shell = new Pty(machine.command(["zsh", "-f", "-i"]), { env, cwd: machine.directory });
      await using _ = shell;
      shell.line("PS1='%% '; autoload -Uz compinit; compinit -u -D; . <(tinydocker completion zsh); echo do''ne");
      await shell.waitFor("done\r\n");
      shell.type("tinydocker rmi busy");
      shell.press("tab");
      await shell.waitFor("box");
      await interrupt(shell);
      shell.type("tinydocker image in");
      shell.press("tab");
      await shell.waitFor("spect");
      await interrupt(shell);
      shell.type("tinydocker run --network=h");
      shell.press("tab");
      await shell.waitFor("ost");
      await interrupt(shell);
      shell.type("tinydocker run --cap-");
      shell.press("tab");
      await shell.waitFor(/--cap-add +-- Add a capability/);
      await interrupt(shell);
      shell.line("exit");
      await shell.exit();
    });
  });
});

describe("fish completes", () => {
  needing(root, tool("fish"))("commands, groups, options, values, images and files", async () => {
    await withShell(async (machine, env) => {
      const offers = async (line: string) => {
        const script = `tinydocker completion fish | source; complete -C '${line}'`;
        const { stdout, stderr } = await machine.exec(["fish", "--no-config", "-c", script], { env });
        expect(stderr).toBe("");
        return stdout.split("\n").filter(Boolean);
      };
      expect(await offers("tinydocker imag")).toEqual(["image\tManage images", "images\tList images"]);
      expect(await offers("tinydocker image ins")).toEqual(["inspect"]);
      expect((await offers("tinydocker run --cap-")).map((line) => line.split("\t")[0])).toEqual([
        "--cap-add",
        "--cap-drop",
      ]);
      expect(await offers("tinydocker run --network ")).toEqual(expect.arrayContaining(["host", "none"]));
      expect(await offers("tinydocker rmi b")).toEqual(["busybox", "busybox:latest"]);
      expect(await offers("tinydocker load -i /et")).toEqual(["/etc/"]);
      await machine.exec(["rm", "-rf", ".config", ".local"]);
    });
  });
});

describe("completion", () => {
  test("never prints an error, whatever is typed", async () => {
    await withShell(async (machine) => {
      for (const words of [
        [],
        ["nonsense", ""],
        ["--root"],
        ["--root", "/proc/1/x", "rmi", ""],
        ["run", "--x=", "\x1b"],
      ]) {
        const { code, stderr } = await machine.run(["__complete", "--", ...words]);
        expect([words, code, stderr]).toEqual([words, 0, ""]);
      }
      const refused = await machine.run(["completion", "bsh"]);
      expect([refused.code, refused.stdout]).toEqual([125, ""]);
      expect(refused.stderr).toContain("did you mean bash?");
    });
  });
});

describe("man", () => {
  needing(root, tool("man"))("the page is read by man(1) without a warning", async () => {
    await withMachine([], async (machine) => {
      const { code, stdout } = await machine.run(["man"]);
      expect(code).toBe(0);
      const path = join(machine.tmp, "tinydocker.1");
      writeFileSync(path, stdout);
      const page = await machine.exec(["man", "--warnings", "-l", path], { env: { MANWIDTH: "80" } });
      expect([page.code, page.stderr]).toEqual([0, ""]);
      expect(page.stdout).toContain("--cap-drop capability");
      await Bun.file(path).delete();
    });
  });
});

describe("groups", () => {
  test("`image ls` is `images`, `container run` is `run`, with its exit codes and its help", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const words of ["image ls -q", "image list -q"])
        expect((await machine.run(words.split(" "))).stdout).toBe((await machine.run(["images", "-q"])).stdout);
      expect((await machine.run(["container", "run", "--rm", "busybox", "sh", "-c", "exit 7"])).code).toBe(7);
      expect((await machine.run(["container", "run", "--rm", "busybox", "/nothing"])).code).toBe(127);
      expect((await machine.run(["container", "run", "--rm", "no-such-image"])).code).toBe(125);
      const { child } = await machine.start(
        "container run --rm --name up busybox sh -c".split(" ").concat("echo ready; exec sleep 60"),
      );
      expect((await machine.run(["container", "exec", "up", "sh", "-c", "echo $$0; exit 9"])).code).toBe(9);
      expect((await machine.run(["container", "ls"])).stdout).toContain(" up\n");
      child.kill("SIGTERM");
      await child.exited;
      expect((await machine.run(["image", "inspect", "nope"])).code).toBe(1);
      expect((await machine.run(["image", "ls", "--help"])).stdout).toContain("tinydocker image ls");
    });
  });
  test("a group alone, or with --help, lists its commands", async () => {
    await withMachine([], async (machine) => {
      for (const words of [["image"], ["image", "--help"], ["help", "image"]]) {
        const { code, stdout } = await machine.run(words);
        expect([words, code]).toEqual([words, 0]);
        for (const member of ["ls", "inspect", "load", "rm"]) expect(stdout).toMatch(new RegExp(`^ +${member} `, "m"));
      }
    });
  });
  test("an unknown command of a group is refused with the nearest", async () => {
    await withMachine([], async (machine) => {
      const { code, stderr } = await machine.run(["image", "lst"]);
      expect(code).toBe(125);
      expect(stderr).toContain('unknown command "image lst"');
      expect(stderr).toContain("did you mean ls?");
      expect((await machine.run(["image", "constructor"])).stderr).toContain('unknown command "image constructor"');
      expect((await machine.run(["imge", "ls"])).stderr).toContain("did you mean image?");
    });
  });
});
