/** How `npm run profile` reads what perf and strace saw: to whom something is put down, and in which part of a run. */

import { describe, expect, test } from "bun:test";
import { causeOf } from "../helpers/profile/cpu.ts";
import { bytesRead, fileOf, generalized } from "../helpers/profile/files.ts";
import { columnOf, lifeOf, type TaskEvent } from "../helpers/profile/life.ts";

const event = (time: number, kind: TaskEvent["kind"], pid: number, tid = pid): TaskEvent => ({ time, kind, pid, tid });
const kernel = (symbol: string) => ({ address: 1, symbol, object: "[kernel.kallsyms]" });

describe("the course of a run", () => {
  const life = lifeOf([
    event(1, "exec", 10),
    event(2, "fork", 10, 11),
    event(3, "fork", 12),
    event(4, "fork", 12, 13),
    event(5, "exec", 12),
    event(6, "exit", 12),
    event(7, "exit", 10),
  ]);

  test("init is the process that becomes the command", () => {
    expect(life).toEqual({ root: 10, init: 12, clonedAt: 3, execAt: 5, endedAt: 6 });
  });

  test("the main thread's work is divided by the clone and the end of init", () => {
    const times = [1, 3.5, 6.5].map((time) => columnOf(life, 10, 10, time));
    expect(times).toEqual(["before clone", "while it runs", "after its end"]);
  });

  test("threads are with their process: those of init belong to it until it executes the command", () => {
    expect(columnOf(life, 10, 11, 4)).toBe("threads");
    expect(columnOf(life, 12, 13, 4.5)).toBe("init");
    expect(columnOf(life, 12, 12, 5.5)).toBe("command");
    expect(columnOf(life, 14, 14, 5.5)).toBe("others");
  });

  test("a command without a container is all before the clone", () => {
    const alone = lifeOf([event(1, "exec", 10), event(2, "fork", 10, 11), event(3, "exit", 10)]);
    expect(columnOf(alone, 10, 10, 2.5)).toBe("before clone");
  });
});

describe("the cause of a sample", () => {
  test("is the outermost thing that the kernel was asked for", () => {
    const frames = ["copy_page", "asm_exc_page_fault", "filldir", "__x64_sys_getdents64", "do_syscall_64"].map(kernel);
    expect(causeOf(frames, "/binary")).toBe("`getdents64`");
    expect(causeOf(frames.slice(0, 2), "/binary")).toBe("page faults");
  });

  test("is whose code was running, where the kernel was not", () => {
    expect(causeOf([{ address: 1, symbol: "[unknown]", object: "/binary" }], "/binary")).toStartWith("code of Bun");
  });
});

describe("the file of a system call", () => {
  const call = (text: string) => ({ name: text.slice(0, text.indexOf("(")), text, pid: 1, tid: 1, time: 1 });

  test("is below the directory of its descriptor", () => {
    expect(fileOf(call('openat(7</root/containers>, "state.json", O_RDONLY) = 8'))).toBe("/root/containers/state.json");
    expect(fileOf(call('openat(AT_FDCWD</tmp>, "/etc/passwd", O_RDONLY) = 8'))).toBe("/etc/passwd");
    expect(fileOf(call('read(8</etc/passwd>, "root", 4096) = 4'))).toBe("/etc/passwd");
    expect(fileOf(call("getpid() = 5"))).toBeUndefined();
  });

  test("counts what was read", () => {
    expect(bytesRead(call('read(8</etc/passwd>, "root", 4096) = 4'))).toBe(4);
    expect(bytesRead(call('write(8</etc/passwd>, "root", 4) = 4'))).toBe(0);
  });

  test("has the same name in every run", () => {
    const id = "0123456789abcdef".repeat(4);
    expect(generalized(`/state/containers/${id}/state.json.77.new`, [["/state", "ROOT"]])).toBe(
      "ROOT/containers/ID/state.json.new",
    );
    expect(generalized("/proc/77/task/78/stat", [])).toBe("/proc/PID/task/N/stat");
  });
});
