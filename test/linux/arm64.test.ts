/**
 * The interpreter's arm64 bytes on a whole arm64 machine (QEMU): 300 children with a memory of their own, from a process with
 * threads. The kernel is Debian's: `helpers/setup arm64` fetches it without changing this machine's architectures.
 */

import { expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../helpers/process.ts";
import { cpio } from "../../helpers/vm/guest.ts";
import { interpreter } from "../../src/linux/program/interpreter.ts";
import { runProgram } from "../support/cli.ts";
import { needing, tool } from "../support/needs.ts";

const compiler = "aarch64-linux-gnu-gcc";
const kernel = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tinydocker-vm/arm64.kernel");
const kernelThere = (): string | undefined =>
  existsSync(kernel) ? undefined : `${kernel}, an arm64 kernel (helpers/setup arm64)`;
const test = needing(tool(compiler), tool("qemu-system-aarch64"), kernelThere);

const source = (name: string): string => join(import.meta.dir, "arm64", name);

test("the interpreter runs records on arm64, in 300 children of a process with threads", async () => {
  const directory = mkdtempSync(join(tmpdir(), "arm64-"));
  try {
    const compile = (name: string): Buffer => {
      const program = join(directory, name);
      run(compiler, ["-O1", "-static", "-pthread", "-w", source(`${name}.c`), "-o", program]);
      return readFileSync(program);
    };
    const initrd = join(directory, "initrd");
    const entries = cpio([
      ["proc", 0o40755, ""],
      ["dev", 0o40755, ""],
      ["init", 0o100755, compile("init")],
      ["harness", 0o100755, compile("harness")],
      ["interpreter", 0o100644, Buffer.from(interpreter.arm64, "base64")],
    ]);
    writeFileSync(initrd, entries);
    const machine = [
      "-M",
      "virt",
      "-cpu",
      "cortex-a72",
      "-smp",
      "2",
      "-m",
      "512",
      "-nographic",
      "-no-reboot",
      "-nic",
      "none",
    ];
    const boot = ["-kernel", kernel, "-initrd", initrd, "-append", "console=ttyAMA0 quiet panic=1"];
    const result = await runProgram(["qemu-system-aarch64", ...machine, ...boot], { timeoutMs: 170_000 });
    const said = result.stdout.replaceAll("\r", "");
    expect(said).toContain("ignored errno, store, test: 11 (11 is right)");
    expect(said).toContain("add: 42 (42), thread pointer right");
    expect(said).toMatch(/failure: -2 step 9 errno 2 /);
    expect(said).toMatch(/300 clones with own memory from 4 threads: bad 0,/);
    expect(said).toContain("harness status 0");
  } finally {
    rmSync(directory, { recursive: true });
  }
}, 180_000);
