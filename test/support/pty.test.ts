import { expect, test } from "bun:test";
import { Pty } from "./pty.ts";

const shell = () => new Pty(["sh"], { env: { PATH: process.env.PATH ?? "", PS1: "ready> " }, cwd: "/" });

test("what is typed reaches the program, and what it prints is seen in order", async () => {
  await using pty = shell();
  await pty.waitFor("ready> ");
  pty.line("echo $((6 * 7))");
  expect((await pty.waitFor(/^(\d+)\r$/m))[1]).toBe("42");
  pty.line("exit 5");
  expect(await pty.exit()).toBe(5);
});

test("Ctrl-C interrupts the program in the foreground and leaves the shell", async () => {
  await using pty = shell();
  await pty.waitFor("ready> ");
  pty.line("sleep 60; echo interrupted with $?");
  await Bun.sleep(100);
  pty.press("ctrl-c");
  await pty.waitFor("ready> ");
  pty.line("echo still here");
  await pty.waitFor(/^still here/m);
});

test("a resize is seen by the program", async () => {
  await using pty = shell();
  await pty.waitFor("ready> ");
  pty.resize(101, 37);
  pty.line("stty size");
  await pty.waitFor("37 101");
});

test("a text that never appears is an error that shows the screen", async () => {
  await using pty = shell();
  await pty.waitFor("ready> ");
  expect(pty.waitFor("never", 50)).rejects.toThrow("ready> ");
});
