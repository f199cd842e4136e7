/**
 * Starts many children by launch() from a process whose other threads are busy: a worker in JIT and GC, fetch, zlib, the file
 * system's pool. usage: launch-storm.ts STARTS. Prints what was seen as JSON: a test compares.
 */

import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { gunzipSync, gzip } from "node:zlib";
import { wait } from "../../src/linux/clone.ts";
import { close } from "../../src/linux/file.ts";
import { type Launched, launch } from "../../src/linux/program/launch.ts";
import { Block, Frame, Label, names, type Program, type Slot } from "../../src/linux/program/record.ts";
import { room, Writer } from "../../src/linux/program/writer.ts";

const starts = Number(process.argv[2] ?? 1000);
const seen = {
  starts,
  bad: [] as string[],
  fetched: 0,
  zipped: 0,
  files: 0,
  worker: 0,
  threads: 0,
  leaked: 0,
  blocked: ["", ""],
};
const bad = (what: string): void => void (seen.bad.length < 20 && seen.bad.push(what));
let over = false;

/** Does something again and again, beside what the main thread does. */
async function busy(what: () => Promise<void>): Promise<void> {
  while (!over) {
    await what();
    await Bun.sleep(1);
  }
}

const workerSource = `
  const sum = (count) => { let total = 0; for (let i = 0; i < count; i++) total += Math.sqrt(i) * (i % 7); return total; };
  const wanted = sum(20000);
  let turns = 0;
  setInterval(() => {
    const garbage = Array.from({ length: 2000 }, (_, i) => ({ i, text: "x" + i }));
    postMessage(sum(20000) === wanted && garbage.length === 2000 ? ++turns : -1);
  }, 3);`;
const worker = new Worker(URL.createObjectURL(new Blob([workerSource], { type: "application/javascript" })));
worker.onmessage = ({ data }) => {
  if (data < 0) bad("the worker has miscalculated");
  else seen.worker = data;
};
const page = "x".repeat(10_000);
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(page) });
const bytes = Buffer.alloc(200_000, "abcdefg");
void busy(async () => {
  if ((await (await fetch(server.url)).text()) !== page) bad("another page");
  seen.fetched++;
});
void busy(async () => {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  gzip(bytes, (_, zipped) => resolve(zipped));
  if (!gunzipSync(await promise).equals(bytes)) bad("other bytes");
  seen.zipped++;
});
void busy(async () => {
  if ((await readFile("/proc/self/status", "utf8")).length < 100) bad("a short file");
  seen.files++;
});

/** A child in a pid namespace of its own, that reads a file many times and becomes a program which ends with 7. */
function program(): Program & { pid: Slot } {
  const writer = new Writer();
  const fail = new Label();
  writer.step("fail");
  writer.label(fail);
  writer.call("exit_group", [125]);
  const entry = writer.label();
  writer.step("own-memory");
  writer.operation("own-memory");
  writer.step("close-inherited");
  writer.operation("close-inherited");
  writer.step("bind-to-parent");
  writer.call("prctl", [names("PR_SET_PDEATHSIG"), names("SIGKILL")]);
  const pid = writer.into("pid", "getpid", []);
  writer.step("read");
  const buffer = room("buffer", 4096);
  for (let times = 0; times < 20; times++) {
    const fd = writer.into("fd", "openat", [names("AT_FDCWD"), "/etc/passwd", names("O_RDONLY", "O_CLOEXEC")]);
    writer.call("read", [fd, buffer, 4096]);
    writer.call("close", [fd]);
  }
  writer.step("execute");
  writer.call("rt_sigprocmask", [names("SIG_SETMASK"), new Block("none", { bytes: new Uint8Array(8) }), 0, 8]);
  const argv = new Block("argv", { strings: ["sh", "-c", "exit 7"] });
  const envp = new Block("envp", { strings: ["A=1"] });
  writer.call("execve", ["/bin/busybox", argv, envp]);
  return { ...writer.program(entry, new Frame(fail)), pid };
}

/** Waits for a child. */
function finish({ pidfd, assembled }: Launched, pid: Slot): void {
  const { exit } = wait({ pidfd })!;
  const { arena, frame, steps } = assembled;
  const [, step = 0, errno = 0, record = 0] = arena.i32.subarray(frame.at >> 2, (frame.at >> 2) + 4);
  if (exit.code !== 7) bad(`${JSON.stringify(exit)} in ${steps[step]}, record ${record}, errno ${errno}`);
  if (arena.i32[pid.at >> 2] !== 1) bad(`process ${arena.i32[pid.at >> 2]} of its namespace`);
  close(pidfd);
  arena.unmap();
}

const blockedSignals = (): string => /^SigBlk:\t(\w+)$/m.exec(readFileSync("/proc/thread-self/status", "utf8"))![1]!;
const count = (path: string): number => readdirSync(path).length;

/** Work for the compiler and the collector of this thread. */
function churn(times: number): unknown {
  let last: Record<string, unknown> = {};
  for (let index = 0; index < times; index++) last = { index, before: last.index, text: `a${index}` };
  return last.text;
}

await Bun.sleep(300);
seen.blocked[0] = blockedSignals();
const running: [Launched, Slot][] = [];
// What Bun opens once is open by then.
let descriptors = 0;
const warm = 100;
for (let n = 0; n < starts; n++) {
  if (running.length === 8) finish(...running.shift()!);
  const made = program();
  running.push([launch(made, { flags: ["CLONE_NEWPID"], given: {}, keep: [] }), made.pid]);
  churn(300);
  if (n % 25 === 0) Bun.gc(true);
  if (n % 10 === 0) await Bun.sleep(0);
  seen.threads = Math.max(seen.threads, n % 100 === 0 ? count("/proc/self/task") : 0);
  if (n === warm) descriptors = count("/proc/self/fd");
}
for (const one of running) finish(...one);
seen.blocked[1] = blockedSignals();
over = true;
await Bun.sleep(50);
// Connections come and go; a descriptor for each start would be thousands.
seen.leaked = Math.max(0, count("/proc/self/fd") - descriptors);
console.log(JSON.stringify(seen));
process.exit(0);
