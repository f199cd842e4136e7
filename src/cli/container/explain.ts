/** `tinydocker explain run ...`: the plan of a run, printed step by step; nothing is run and root is not needed. */

import { explainRun } from "../../engine/inspect/explain.ts";
import { UsageError } from "../../errors.ts";
import { cloneProgram } from "../../linux/program/clone-program.ts";
import { describeRecord } from "../../linux/program/text.ts";
import { machineOf } from "../../linux/seccomp/architectures.ts";
import { pathsOf } from "../../paths.ts";
import { documentation } from "../../plan/documentation.ts";
import type { NetworkStep, Publication } from "../../plan/network.ts";
import { compileInit } from "../../plan/program/compile.ts";
import type { RareHostStep } from "../../plan/rare/step.ts";
import { summarize } from "../../plan/seccomp/summary.ts";
import type { Plan, SeccompStep, Step } from "../../plan/step.ts";
import { compileOptions } from "../../runtime/given.ts";
import { parseCommand } from "../words/argv.ts";
import { defineCommand } from "../words/command.ts";
import { plain, printLine, warn } from "../words/print.ts";
import { hostPortText } from "./ports.ts";
import runCommand, { runRequest } from "./run.ts";

export default defineCommand({
  meta: {
    name: "explain",
    group: "Inspect",
    description: "Print each step of a `run` without running it",
    usage: ["[OPTIONS] run [RUN OPTIONS] IMAGE [COMMAND [ARG...]]"],
  },
  args: {
    json: { type: "boolean", description: "Print JSON" },
    full: { type: "boolean", description: "List the system calls of each step of the container's process" },
    command: {
      type: "positional",
      multiple: true,
      required: true,
      description: "The run command, with its options and arguments",
    },
  },
  optionsFirst: true,
  examples: ["tinydocker explain run -m 64 busybox.tar -- sh", "tinydocker explain --json run busybox.tar -- sh"],
  run: async ({ json, full, command: [name, ...words] }, global) => {
    if (name !== "run")
      throw new UsageError(`explain supports only run, not ${JSON.stringify(name)}`, "tinydocker explain run ...");
    // `explain run --json IMAGE` is what one types, too.
    const asked = new Set<string>();
    while (words[0] === "--json" || words[0] === "--full") asked.add(words.shift()!);
    const args = parseCommand(runCommand, words);
    const plan = await explainRun(pathsOf(global.root), runRequest(args as never), warn);
    const phases = phasesOf(plan, full || asked.has("--full") ? callsOf(plan) : new Map());
    if (json || asked.has("--json"))
      printLine(JSON.stringify({ id: plan.id, warnings: plan.warnings, phases: documented(phases) }, null, 2));
    else printPhases(plan, phases);
    return 0;
  },
});

interface Phase {
  title: string;
  by: "host" | "init";
  steps: Step[];
  /** The system calls of a step, where they were asked for. */
  calls: Map<Step, string[]>;
}

/** What the process makes of each step, numbered through; where to go on is said by these numbers. */
function callsOf(plan: Plan): Map<Step, string[]> {
  const steps = [...plan.setup, ...plan.start];
  const { records } = compileInit(steps, compileOptions());
  const calls = new Map<Step, string[]>();
  const add = (step: Step, line: string) => calls.set(step, [...(calls.get(step) ?? []), line]);
  records.forEach((record, index) => {
    // The first step of the program is what is done on a failure.
    const step = steps[record.step - 1];
    if (step) add(step, `${String(index).padStart(4)}  ${describeRecord(record)}`);
  });
  const filter = plan.start.find((step) => step.do === "seccomp");
  if (filter) for (const line of filterLines(filter)) add(filter, line);
  const { flags, cgroup } = plan.clone;
  const own = cloneProgram(
    flags.map((flag) => `CLONE_${flag}` as const),
    { cgroup: cgroup !== undefined, rseq: true },
  );
  own.records.forEach((record, index) => {
    add(plan.clone, `${String(index).padStart(4)}  ${describeRecord(record)}`);
  });
  return calls;
}

/** The plan's lists under the names they have in a run, in the order they are performed. */
function phasesOf(plan: Plan, calls: Map<Step, string[]>): Phase[] {
  const lists: Omit<Phase, "calls">[] = [
    { title: "reserve", by: "host", steps: plan.reserve },
    { title: "prepare", by: "host", steps: plan.prepare },
    { title: "build", by: "host", steps: plan.build },
    { title: "clone", by: "host", steps: [plan.clone] },
    { title: "set up", by: "init", steps: plan.setup },
    { title: "record", by: "host", steps: plan.record },
    { title: "connect", by: "host", steps: plan.connect },
    { title: "release", by: "host", steps: plan.release },
    { title: "start", by: "init", steps: plan.start },
  ];
  return lists.map((phase) => ({ ...phase, calls }));
}

const documented = (phases: Phase[]) =>
  phases.map(({ title, by, steps, calls }) => ({
    phase: title,
    by,
    steps: steps.map((step) => ({ ...step, ...about(step), ...(calls.has(step) && { calls: calls.get(step) }) })),
  }));

/** Man page and reason: the step's own reason where it has one. */
function about(step: Step): { man: string; why: string; undo?: string } {
  const general = documentation[step.do];
  return "why" in step && step.why ? { ...general, why: step.why } : general;
}

const who = {
  host: "on the host, by tinydocker",
  init: "in the container, by its first process",
};

function printPhases(plan: Plan, phases: Phase[]): void {
  printLine(`Plan of container ${plan.id.slice(0, 12)}. Nothing is done.`);
  for (const warning of plan.warnings) printLine(`\nwarning: ${warning}`);
  let number = 0;
  for (const { title, by, steps, calls } of phases) {
    if (steps.length > 0) printLine(`\n${title.toUpperCase()} (${who[by]})`);
    for (const step of steps) {
      number += 1;
      const { man, why, undo } = about(step);
      printLine(`${String(number).padStart(4)}. ${plain(`${step.do} ${argumentsOf(step)}`.trimEnd())}`);
      printLine(`      ${man}: ${why}`);
      if (undo) printLine(`      undone by: ${undo}`);
      for (const line of calls.get(step) ?? []) printLine(`      ${plain(line)}`);
    }
  }
}

/** What is said of some steps on a line; `--json` has all of them. */
const inShort: { [Kind in ShortStep["do"]]?: (step: Extract<ShortStep, { do: Kind }>) => object } = {
  seccomp: (step) => {
    const { allowed, conditional, refused, instructions } = summarize(step, machine);
    const numbers = Object.entries(refused).map(([answer, names]) => [answer, names.length]);
    return {
      rules: "profile" in step.rules ? step.rules.profile : "given",
      allowed: allowed.length,
      conditional: conditional.length,
      ...Object.fromEntries(numbers),
      instructions,
    };
  },
  "load-profile": ({ name }) => ({ name }),
  port: ({ hostPort, ...rest }) => ({ ...rest, hostPort: portNumber(hostPort) }),
  bridge: ({ network: { name, bridge, subnets, mtu } }) => ({
    network: name,
    bridge,
    addresses: subnets.map(({ subnet, gateway }) => `${gateway}/${subnet.split("/")[1]}`),
    mtu,
  }),
  parent: ({ network: { name, parent } }) => ({ network: name, ...parent }),
  firewall: ({ networks }) => ({ networks: networks.map(({ name }) => name) }),
  endpoint: ({ endpoint: { networkId: _id, ...rest } }) => rest,
  publish: ({ publications }) => ({
    ports: publications.map((one) => `${hostPortText(one.hostIp, portNumber(one.hostPort))}->${toText(one)}`),
  }),
  names: ({ network, names }) => ({ network, ...names }),
  relay: ({ ports, to }) => ({
    ports: ports.map((one) => `${hostPortText(one.hostIp, portNumber(one.hostPort))}->${one.port}/${one.protocol}`),
    to: Object.values(to),
  }),
};

/** Which one is found out when it is taken. */
const portNumber = (port: number): number | string => port || "any";

const toText = ({ ip, port, protocol }: Publication): string => `${hostPortText(ip, port)}/${protocol}`;

/** Which calls a filter is about, for `--full`. */
function filterLines(step: SeccompStep): string[] {
  const { allowed, conditional, refused } = summarize(step, machine);
  const lists = { "allowed always": allowed, "allowed or refused by their arguments": conditional, ...refused };
  return Object.entries(lists).map(([title, names]) => `${title}: ${names.join(" ")}`);
}

type ShortStep = NetworkStep | SeccompStep | RareHostStep;

const machine = machineOf(process.arch);

/** A step's arguments on one line, as `key=value`. */
function argumentsOf(step: Step): string {
  const shorten = inShort[step.do as ShortStep["do"]] as ((step: Step) => object) | undefined;
  return Object.entries(shorten?.(step) ?? step)
    .filter(([key, value]) => key !== "do" && key !== "why" && value !== undefined && value !== false)
    .map(([key, value]) => `${key}=${brief(value)}`)
    .join(" ");
}

const longest = 300;

function brief(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}... (${text.length} characters)` : text;
}
