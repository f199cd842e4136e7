/** The small init of `--init`, as records. Loaded for those who want one. */

import { Block, Field, Frame, Label, names, Slot } from "../../linux/program/record.ts";
import { ints, room, words } from "../../linux/program/writer.ts";
import type { InitStep } from "../init-step.ts";
import { type Context, cloneArgs, type Filter, given } from "./context.ts";
import { execute } from "./execute.ts";
import { capabilities, noNewPrivileges, resetSignals } from "./identity.ts";
import { load } from "./seccomp.ts";

type Of<Kind> = Extract<InitStep, { do: Kind }>;

const siginfo = { code: 8, pid: 16, status: 24, bytes: 128 } as const;
const CLD_EXITED = 1;
const signalfdSiginfoBytes = 128;
const ownName = new Block("name", { bytes: new TextEncoder().encode("init\0") });

/**
 * A small init: process 1 starts the program, forwards signals to it, collects the orphans it leaves, and ends as it ended.
 * The program shares nothing with it but the arena, and process 1 waits until it is executed: a failure is told as of execve.
 */
export function reap(context: Context, step: Of<"reap">): void {
  const { writer } = context;
  const program = new Slot("program");
  const taken = room("signalfd_siginfo", signalfdSiginfoBytes);
  const signal = new Field(taken, 0, "i32");
  const code = new Slot("code");
  const [below, above] = [new Slot("below"), new Slot("above")];
  const info = room("siginfo", siginfo.bytes);
  const every = words("every signal", { mask: -1 });
  const [who, how, status] = [siginfo.pid, siginfo.code, siginfo.status].map((at) => new Field(info, at, "i32"));
  const [start, wait, collect, found, orphan, forward, killed] = Array.from({ length: 7 }, () => new Label());

  const frame = new Frame(context.fail);
  context.programFrame = frame;
  writer.jump(start!);
  const entry = writer.label();
  inForeground(context);
  resetSignals(context);
  if (context.filter) load(context, context.filter);
  execute(context, step);

  writer.label(start);
  writer.call("prctl", [names("PR_SET_NAME"), ownName]);
  // All but stdio and the sync socket.
  writer.add(given.sync, -1, below);
  writer.call("close_range", [3, below, 0], { ok: ["EINVAL"] });
  writer.add(given.sync, 1, above);
  writer.call("close_range", [above, -1, 0]);
  // They stay blocked: so everybody can see that process 1 takes them, and the kernel drops none.
  const signals = writer.into("signals", "signalfd4", [-1, every, 8, names("SFD_CLOEXEC")]);
  // The other stack; it ends with the program, so process 1 needs no death signal for it.
  // Until its execve the host's side finds among our descriptors what it has: the one of its filter.
  const shared = context.filter?.reported ? (["CLONE_FILES"] as const) : [];
  const flags = names("CLONE_VFORK", "CLONE_CLEAR_SIGHAND", ...shared);
  const args = cloneArgs(flags, { exitSignal: names("SIGCHLD"), stack: context.freeStack });
  writer.clone(args, entry, frame, { into: program });
  if (context.filter) ownFilter(context, context.filter);
  // Its closing tells the host's side that the program runs.
  writer.call("close", [given.sync]);
  writer.label(wait);
  writer.call("read", [signals, taken, signalfdSiginfoBytes]);
  writer.test(signal, -1, names("SIGCHLD"), forward!);
  writer.label(collect);
  writer.call("waitid", [names("P_ALL"), 0, info, names("WEXITED", "WNOHANG", "__WALL"), 0], {
    ok: ["ECHILD"],
    to: wait!,
  });
  writer.test(who!, -1, 0, found!);
  writer.jump(wait!); // nobody else has ended
  writer.label(found);
  writer.test(who!, -1, program, orphan!);
  writer.test(how!, -1, CLD_EXITED, killed!);
  writer.call("exit_group", [status!]);
  writer.label(killed);
  writer.add(status!, 128, code);
  writer.call("exit_group", [code]);
  writer.label(orphan);
  writer.jump(collect!);
  writer.label(forward);
  writer.call("kill", [program, signal], { ok: ["ESRCH"] });
  writer.jump(wait!);
}

/** No execve(2) takes from process 1 what it took to load a filter. It gains nothing more either, so it can do without. */
function ownFilter(context: Context, filter: Filter): void {
  if (context.capabilities) capabilities(context, { do: "capabilities", capabilities: context.capabilities });
  noNewPrivileges(context);
  load(context, filter.reported?.own ?? filter);
}

/** In the foreground of its terminal, if it has one: Ctrl-C reaches the program's group once, and not once more through process 1. */
function inForeground({ writer }: Context): void {
  const group = ints("pid_t", [0]);
  writer.call("setpgid", [0, 0]);
  writer.call("getpid", [], { into: new Field(group, 0, "address") });
  writer.call("ioctl", [0, names("TIOCSPGRP"), group], { ok: ["ENOTTY", "EBADF", "EINVAL", "EPERM"] });
}
