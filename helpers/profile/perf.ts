/** What perf records of a command and all that it starts: samples of one event, and who was started and ended when. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { text } from "../process.ts";
import { type Life, lifeOf, type TaskEvent } from "./life.ts";

export interface Sample {
  pid: number;
  tid: number;
  /** Seconds, as those of `life`. */
  time: number;
  /** The lines of perf below it: the innermost function first. */
  frames: Frame[];
}
export interface Frame {
  address: number;
  symbol: string;
  /** The file it is in, or what perf calls the rest: "[kernel.kallsyms]", "[stack]", "//anon". */
  object: string;
}
/** A mapping that a process made. */
export interface Mapping {
  pid: number;
  time: number;
  start: number;
  bytes: number;
  object: string;
}
export interface Recording {
  life: Life;
  events: TaskEvent[];
  mappings: Mapping[];
  samples: Sample[];
}

/**
 * @param how the event and its options, for `perf record`; a sample of `page-faults` has its address as first frame.
 * @throws Error when perf cannot do it here; a command that fails is recorded as any other.
 */
export function record(argv: string[], how: string[], directory: string): Recording {
  const file = join(directory, "perf.data");
  const { stderr } = spawnSync("perf", ["record", "-q", "-o", file, ...how, "--", ...argv], { encoding: "utf8" });
  const fields = how.includes("-d") ? "pid,tid,time,addr,ip,sym,dso" : "pid,tid,time,ip,sym,dso";
  try {
    const shown = ["--show-task-events", "--show-mmap-events", "-F", fields];
    return parse(text("perf", ["script", "-i", file, ...shown], { stdio: ["ignore", "pipe", "ignore"] }));
  } catch {
    throw new Error(`perf cannot record ${how.join(" ")} here: ${stderr.trim()}`);
  }
}

const head = /^ *(\d+)\/(\d+) +([\d.]+): +(.*)$/;
const tasks: [TaskEvent["kind"], RegExp][] = [
  ["fork", /^PERF_RECORD_FORK\((\d+):(\d+)\)/],
  ["exit", /^PERF_RECORD_EXIT\((\d+):(\d+)\)/],
  ["exec", /^PERF_RECORD_COMM exec: .*:(\d+)\/(\d+)$/],
];
const mapped = /^PERF_RECORD_MMAP2? (\d+)\/\d+: \[0x([0-9a-f]+)\(0x([0-9a-f]+)\) .*\]: \S+ (.*)$/;
const frame = /([0-9a-f]+) (\S.*?) \(([^()]*(?:\(deleted\))?)\)/g;

function parse(script: string): Recording {
  const events: TaskEvent[] = [];
  const mappings: Mapping[] = [];
  const samples: Sample[] = [];
  for (const line of script.split("\n")) {
    const [, pid, tid, seconds, rest = ""] = head.exec(line) ?? [];
    const time = Number(seconds);
    if (pid === undefined) samples.at(-1)?.frames.push(...framesOf(line));
    else if (!rest.startsWith("PERF_RECORD"))
      samples.push({ pid: Number(pid), tid: Number(tid), time, frames: framesOf(rest) });
    else {
      events.push(...taskEvents(time, rest));
      const [, owner, start = "", bytes = "", object = ""] = mapped.exec(rest) ?? [];
      if (owner === undefined) continue;
      const [from, length] = [start, bytes].map((digits) => Number.parseInt(digits, 16)) as [number, number];
      mappings.push({ pid: Number(owner), time, start: from, bytes: length, object });
    }
  }
  return { life: lifeOf(events), events, mappings, samples };
}

const taskEvents = (time: number, line: string): TaskEvent[] =>
  tasks.flatMap(([kind, pattern]) => {
    const [, pid, tid] = pattern.exec(line) ?? [];
    return pid === undefined ? [] : [{ time, kind, pid: Number(pid), tid: Number(tid) }];
  });

const framesOf = (line: string): Frame[] =>
  [...line.matchAll(frame)].map(([, address = "", symbol = "", object = ""]) => ({
    address: Number.parseInt(address, 16),
    symbol,
    object,
  }));
