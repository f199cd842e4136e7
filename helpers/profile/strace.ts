/** What strace prints of a command and all that it starts, as system calls in order. Its times mean little: it slows each call down. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Life, lifeOf, type TaskEvent } from "./life.ts";

export interface Call {
  name: string;
  /** With its arguments and its result, the paths of descriptors among them. */
  text: string;
  pid: number;
  tid: number;
  /** When it began: the number of its line. */
  time: number;
}
export interface Trace {
  life: Life;
  calls: Call[];
}

/** @throws Error when strace cannot do it here. */
export function trace(argv: string[], directory: string): Trace {
  const file = join(directory, "strace");
  // Clone tells the child's id in the child's own PID namespace: --decode-pids adds ours.
  const options = ["-f", "-y", "-s", "4096", "--decode-pids=pidns", "-o", file];
  const { error } = spawnSync("strace", [...options, ...argv], { stdio: "ignore" });
  if (error) throw error;
  return parse(readFileSync(file, "latin1"));
}

const child = /= (\d+)(?: \/\* (\d+) in strace's PID NS \*\/)?$/;

function parse(output: string): Trace {
  const calls: Call[] = [];
  const events: TaskEvent[] = [];
  const unfinished = new Map<number, Call>();
  const leaders = new Map<number, number>();
  for (const [time, line] of output.split("\n").entries()) {
    const [, id, rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const tid = Number(id);
    const name = /^(\w+)\(/.exec(rest)?.[1];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)?.[1];
    if (rest.startsWith("+++ ")) events.push({ time, kind: "exit", pid: tid, tid });
    else if (name !== undefined) {
      const call = { name, text: rest, pid: tid, tid, time };
      calls.push(call);
      if (rest.endsWith("<unfinished ...>")) unfinished.set(tid, call);
      else note(call, leaders, events);
    } else if (resumed !== undefined) {
      const call = unfinished.get(tid);
      if (!call) continue;
      unfinished.delete(tid);
      call.text = call.text.replace(/ *<unfinished \.\.\.>$/, "") + resumed;
      note(call, leaders, events);
    }
  }
  // A thread's first calls may stand before the end of the clone that tells whose it is.
  for (const each of [...calls, ...events]) each.pid = leaders.get(each.tid) ?? each.tid;
  return { life: lifeOf(events.toSorted((a, b) => a.time - b.time)), calls };
}

/** Notes whom a clone started, and who became another program. */
function note({ name, text, tid, time }: Call, leaders: Map<number, number>, events: TaskEvent[]): void {
  if (name.startsWith("execve") && text.endsWith("= 0")) events.push({ time, kind: "exec", pid: tid, tid });
  if (!/^(?:clone3?|v?fork)$/.test(name)) return;
  const [, own, ours] = child.exec(text) ?? [];
  if (own === undefined) return;
  const id = Number(ours ?? own);
  if (text.includes("CLONE_THREAD")) leaders.set(id, leaders.get(tid) ?? tid);
  events.push({ time, kind: "fork", pid: id, tid: id });
}
