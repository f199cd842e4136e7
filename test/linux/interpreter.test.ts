/** The interpreter's machine code is what its source says, and runs records as they are meant. */

import { describe, expect, test } from "bun:test";
import { buildInterpreter, compilerOf } from "../../helpers/interpreter.ts";
import { text } from "../../helpers/process.ts";
import { assemble } from "../../src/linux/program/assemble.ts";
import { interpreter } from "../../src/linux/program/interpreter.ts";
import { Field, Frame, Given, Label, Slot } from "../../src/linux/program/record.ts";
import { room, Writer, words } from "../../src/linux/program/writer.ts";
import { needing, tool } from "../support/needs.ts";

/** Another compiler makes other bytes of the same source. */
const builtWith = "12";

for (const architecture of ["x64", "arm64"] as const) {
  const compiler = compilerOf(architecture);
  const version = (): string | undefined => {
    const found = text(compiler, ["-dumpversion"]);
    return found === builtWith ? undefined : `version ${builtWith} of ${compiler}: it has ${found}`;
  };
  needing(tool(compiler), version)(`the bytes for ${architecture} are those of interpreter.c`, () => {
    expect(Buffer.from(buildInterpreter(architecture)).toString("base64")).toBe(interpreter[architecture]);
  });
}

/** Runs records in this process. */
function run(write: (writer: Writer, result: Slot) => Label | undefined, given: Record<string, number> = {}) {
  const writer = new Writer();
  writer.step("first");
  const entry = writer.label();
  const result = new Slot("result");
  const fail = write(writer, result);
  const frame = new Frame(fail);
  const own = assemble(writer.program(entry, frame), { given, keep: [], shared: false });
  const returned = own.arena.run(own.entry, own.frame.at);
  const at = own.frame.at >> 2;
  const [, step = -1, errno = -1, record = -1] = own.arena.i32.subarray(at, at + 4);
  const outcome = {
    returned,
    value: own.arena.i32[result.at >> 2]!,
    step: own.steps[step],
    errno,
    record: own.sources[record],
  };
  own.arena.unmap();
  return outcome;
}

describe("records", () => {
  test("make system calls with numbers, addresses and earlier results", () => {
    const { value, errno } = run((writer, result) => {
      writer.call("getpid", [], { into: result });
      writer.operation("return", [0]);
      return undefined;
    });
    expect([value, errno]).toEqual([process.pid, 0]);
  });
  test("take what is given when they are assembled", () => {
    const { returned } = run(
      (writer) => {
        writer.operation("return", [new Given("answer")]);
        return undefined;
      },
      { answer: 42 },
    );
    expect(returned).toBe(42);
  });
  test("go on after an errno that is an answer, and jump where that says so", () => {
    const { value, errno } = run((writer, result) => {
      const missing = new Label();
      writer.call("openat", [-100, "/no/such/file", 0, 0], { ok: ["ENOENT"], to: missing });
      writer.add(1, 0, result);
      writer.operation("return", [0]);
      writer.label(missing);
      writer.add(40, 2, result);
      writer.operation("return", [0]);
      return undefined;
    });
    expect([value, errno]).toEqual([42, 0]);
  });
  test("note the first failure with its step, errno and record, and go on where failures go", () => {
    const { value, errno, step, record } = run((writer, result) => {
      const fail = new Label();
      writer.step("second");
      writer.call("openat", [-100, "/no/such/file", 0, 0]);
      writer.operation("return", [0]);
      writer.label(fail);
      // What fails on the way out is passed over.
      writer.call("openat", [-100, "/no/other/file", 0, 0]);
      writer.add(7, 0, result);
      writer.operation("return", [0]);
      return fail;
    });
    expect([value, errno, step, record!.args[1]]).toEqual([7, 2, "second", "/no/such/file"]);
  });
  test("return the errno of a failure that has nowhere to go", () => {
    const { returned, errno } = run((writer) => {
      writer.call("close", [-1]);
      return undefined;
    });
    expect([returned, errno]).toEqual([-9, 9]);
  });
  test("test bits of what a call has written", () => {
    const kind = (path: string) =>
      run((writer, result) => {
        const stat = room("statx", 256);
        const other = new Label();
        writer.call("statx", [-100, path, 0, 1, stat]);
        writer.test(new Field(stat, 28, "i32"), 0o170000, 0o040000, other);
        writer.add(1, 0, result);
        writer.operation("return", [0]);
        writer.label(other);
        writer.add(2, 0, result);
        writer.operation("return", [0]);
        return undefined;
      }).value;
    expect([kind("/"), kind("/dev/null")]).toEqual([1, 2]);
  });
  test("a negative sum is a failure with that errno", () => {
    const { errno } = run((writer) => {
      writer.add(-1, 0);
      return undefined;
    });
    expect(errno).toBe(1);
  });
  test("structures have the addresses of what they point to, and numbers beyond 32 bits", () => {
    const { errno, value } = run((writer, result) => {
      const timeout = words("timespec", { tv_sec: 0, tv_nsec: 1000 });
      // No signal is waited for: the kernel has read both structures, and the time is over.
      writer.call("rt_sigtimedwait", [words("no signal", { mask: 0 }), 0, timeout, 8], { ok: ["EAGAIN"] });
      writer.add(5, 0, result);
      writer.operation("return", [0]);
      return undefined;
    });
    expect([errno, value]).toEqual([0, 5]);
    const wide = words("big", { big: 2 ** 33 + 5, negative: -1 });
    const writer = new Writer();
    writer.step("x");
    const entry = writer.label();
    writer.operation("return", [new Field(wide, 0, "u64")]);
    const own = assemble(writer.program(entry, new Frame()), { given: {}, keep: [], shared: false });
    expect(own.arena.run(own.entry, own.frame.at)).toBe(2 ** 33 + 5);
    own.arena.unmap();
  });
  test("of an arena that a child can write are not run here", () => {
    const writer = new Writer();
    writer.step("x");
    const entry = writer.label();
    writer.operation("return", [0]);
    const own = assemble(writer.program(entry, new Frame()), { given: {}, keep: [], shared: true });
    expect(() => own.arena.run(own.entry, own.frame.at)).toThrow("not run by its parent");
    own.arena.unmap();
  });
});
