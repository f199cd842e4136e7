import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing, root, tool } from "./needs.ts";
import { sandbox } from "./sandbox.ts";

test("a command's exit code, signal and both outputs are collected", async () => {
  await using box = await sandbox();
  const result = await box.exec(["sh", "-c", "cat; echo err >&2; exit 3"], { stdin: "in" });
  expect(result).toEqual({ code: 3, signal: null, stdout: "in", stderr: "err\n" });
  expect((await box.exec(["sh", "-c", "kill -9 $$"])).signal).toBe("SIGKILL");
});

test("a command that takes too long is killed", async () => {
  await using box = await sandbox();
  expect((await box.exec(["sleep", "30"], { timeoutMs: 200 })).signal).toBe("SIGKILL");
});

test("nothing of the caller's environment gets in", async () => {
  process.env.LEAKED_SECRET = "1";
  await using box = await sandbox();
  expect((await box.exec(["env"])).stdout).not.toContain("LEAKED_SECRET");
  delete process.env.LEAKED_SECRET;
});

test("an untouched sandbox has nothing left behind", async () => {
  await using box = await sandbox();
  const before = box.snapshot();
  await box.exec(["true"]);
  await box.expectNothingLeft(before);
});

test("a file left behind is named", async () => {
  await using box = await sandbox();
  const before = box.snapshot();
  mkdirSync(join(box.tmp, "d"));
  writeFileSync(join(box.tmp, "d/leftover"), "");
  expect(box.expectNothingLeft(before, 0)).rejects.toThrow("+ files: tmp/d/leftover");
});

needing(root)("a mount left behind is named, and never reaches the host", async () => {
  await using box = await sandbox();
  const before = box.snapshot();
  expect((await box.exec(["mount", "-t", "tmpfs", "leak", box.tmp])).code).toBe(0);
  expect(box.expectNothingLeft(before, 0)).rejects.toThrow(`+ mounts: ${box.tmp} tmpfs leak`);
  expect(await Bun.file("/proc/self/mountinfo").text()).not.toContain(box.tmp);
});

needing(root, tool("ip"))("a link left behind is named", async () => {
  await using box = await sandbox();
  const before = box.snapshot();
  expect((await box.exec(["ip", "link", "add", "leak0", "type", "veth"])).code).toBe(0);
  expect(box.expectNothingLeft(before, 0)).rejects.toThrow("+ links: leak0");
});

needing(root, tool("nft"))("a firewall rule left behind is named", async () => {
  await using box = await sandbox();
  const before = box.snapshot();
  expect((await box.exec(["nft", "add", "table", "inet", "leak"])).code).toBe(0);
  expect(box.expectNothingLeft(before, 0)).rejects.toThrow("+ firewall: table inet leak");
});

needing(root)("a process left behind is named, and ended with the sandbox", async () => {
  const box = await sandbox();
  const before = box.snapshot();
  const { stdout } = await box.exec(["sh", "-c", "sleep 77 >/dev/null 2>&1 & echo $!"]);
  expect(box.expectNothingLeft(before, 0)).rejects.toThrow("+ processes: sleep 77");
  await box[Symbol.asyncDispose]();
  await Bun.sleep(20);
  expect(existsSync(`/proc/${stdout.trim()}/exe`)).toBe(false);
  expect(existsSync(box.directory)).toBe(false);
});
