/** What the steps of one process share while they are compiled: the writer, and where results of earlier steps are. */

import { type Block, type Frame, Given, Label, type Names, Slot } from "../../linux/program/record.ts";
import { room, type Writer, words } from "../../linux/program/writer.ts";
import type { Capabilities } from "../../oci/spec.ts";

/** Facts of this host that decide which records there are. */
export interface CompileOptions {
  /** Signals that this process ignores; a child inherits that. */
  ignoredSignals: number[];
  /** Number of the last capability that the kernel knows. */
  lastCapability: number;
}

/** What seccomp(2) takes. */
export interface Filter {
  /** struct sock_fprog. */
  program: Block;
  flags: Names;
  /** Somebody is to hear of calls; and what process 1 of `--init` loads, of which nobody hears. */
  reported?: { own?: Filter };
}

export interface Context {
  writer: Writer;
  options: CompileOptions;
  /** Where a step goes that failed. */
  fail: Label;
  /** Where to go when the host's side has given up: it says why itself. */
  gone: Label;
  /** The root that paths are resolved from. */
  root: Given | Slot;
  /** The open file system context, whose log tells what the kernel did not like. */
  fsContext: Slot;
  fsLog: Block;
  /** The terminal of the process. */
  slave: Slot;
  /** /proc where nothing below it is read-only. */
  proc?: Slot;
  /** What masks are made of. */
  masks: Slot;
  /** They lie on the host's "/", below the root. */
  onRoot?: true;
  /** Open directory that the last device or link was made in. */
  parent?: { path: string; fd: Slot };
  /** Where file systems of our own are mounted by now. */
  own: string[];
  /** The descriptors of those that are the kernel's (proc, sysfs): who changes the root meanwhile moves only where they lie. */
  kernel: Map<string, Slot>;
  /** What it has of the privileges of root. */
  capabilities?: Capabilities;
  /** The filter of process 1 and of its program, which `reap` has them load. */
  filter?: Filter;
  /** Rules of Landlock that are made. */
  landlock?: Slot;
  /** Of the program that `reap` starts. */
  programFrame?: Frame;
  /** The stack that nobody uses (any more). */
  freeStack: Given;
}

export const newContext = (writer: Writer, options: CompileOptions): Context => ({
  writer,
  options,
  fail: new Label(),
  gone: new Label(),
  root: given.root,
  fsContext: new Slot("fs"),
  fsLog: room("log", 1024),
  slave: new Slot("slave"),
  masks: new Slot("masks"),
  own: [],
  kernel: new Map(),
  freeStack: given.stack,
});

/** What a program is told when it is assembled. */
export const given = {
  root: new Given("root"),
  sync: new Given("sync"),
  exe: new Given("exe"),
  /** Above 32 bits: the last member of struct prctl_mm_map has two halves. */
  exeHigh: new Given("exe << 32"),
  network: new Given("network"),
  ipc: new Given("ipc"),
  uts: new Given("uts namespace"),
  cgroup: new Given("cgroup namespace"),
  mount: new Given("mount namespace"),
  time: new Given("time namespace"),
  fifo: new Given("fifo"),
  pid: new Given("pid namespace"),
  user: new Given("user namespace"),
  madeMasks: new Given("masks"),
  stdio: [new Given("stdin"), new Given("stdout"), new Given("stderr")],
  bind: (number: number): Given => new Given(`bind ${number}`),
  uid: new Given("uid"),
  gid: new Given("gid"),
  groupCount: new Given("number of groups"),
  groups: new Given("groups"),
  home: new Given("HOME=..."),
  pidfd: new Given("pidfd"),
  // These the assembler knows.
  firstStack: new Given("first stack"),
  stack: new Given("second stack"),
  stackBytes: new Given("bytes of a stack"),
} as const;

/** struct clone_args of a process that runs on another of the arena's two stacks. */
export const cloneArgs = (flags: Names, more: { exitSignal?: Names; stack?: Given } = {}): Block =>
  words("clone_args", {
    flags,
    pidfd: 0,
    child_tid: 0,
    parent_tid: 0,
    exit_signal: more.exitSignal ?? 0,
    stack: more.stack ?? given.stack,
    stack_size: given.stackBytes,
    tls: 0,
    set_tid: 0,
    set_tid_size: 0,
    cgroup: 0,
  });
