/**
 * Rules about devices as a program of eBPF (BPF_PROG_TYPE_CGROUP_DEVICE), which the kernel runs when a process of the cgroup opens
 * or makes a device. Pure.
 *
 *     r2   what is asked for, of which every rule that allows something takes its letters away: none left is allowed
 *     r3   the device's major number
 *     r4   its minor number
 *
 * The rules are gone through from the last to the first. Neighbours of one type share the test of it, and those of one major number
 * theirs: loading costs the start of each container some 2 µs for each instruction.
 */

import { type Instruction, Label } from "../../linux/bpf/instruction.ts";
import { type ParsedRule, parseDeviceRule } from "./rules.ts";

/** struct bpf_cgroup_dev_ctx: access_type, which is the type of the device and above it what is asked for; major; minor. */
const context = { access_type: 0, major: 4, minor: 8 } as const;
const types = { b: 1, c: 2 } as const;
const accessShift = 16;
const letters = { m: 1, r: 2, w: 4 } as const;

export function compileDeviceFilter(rules: readonly string[]): Instruction[] {
  const program: Program = { instructions: [], allowed: new Label(), denied: new Label() };
  const { instructions, allowed, denied } = program;
  instructions.push(
    { op: "load", to: "r2", from: "r1", offset: context.access_type },
    { op: "load", to: "r3", from: "r1", offset: context.major },
    { op: "load", to: "r4", from: "r1", offset: context.minor },
    nothingLeft(allowed),
  );
  const parsed = rules.map(parseDeviceRule).reverse();
  const end = addTypes(program, parsed);
  const answers = [...answer(denied, 0), ...answer(allowed, 1)];
  // The kernel refuses instructions that are never reached, and what runs into the end.
  if (end !== "allowed") instructions.push(...answers);
  else instructions.push(...answer(allowed, 1), ...(isReached(instructions, denied) ? answer(denied, 0) : []));
  return instructions;
}

interface Program {
  instructions: Instruction[];
  allowed: Label;
  denied: Label;
}

/** How rules end that speak of everything that has come so far: nothing behind them is reached. */
type End = "allowed" | "denied" | undefined;

const nothingLeft = (to: Label): Instruction => ({
  op: "jump-if",
  condition: "below",
  register: "r2",
  value: 1 << accessShift,
  to,
});

const answer = (label: Label, value: number): Instruction[] => [
  { op: "label", label },
  { op: "move", to: "r0", value },
  { op: "exit" },
];

const isReached = (instructions: Instruction[], label: Label): boolean =>
  instructions.some((one) => (one.op === "jump" || one.op === "jump-if") && one.to === label);

function addTypes(program: Program, rules: ParsedRule[]): End {
  for (const section of neighbours(rules, ({ type }) => type)) {
    const { type } = section[0]!;
    const next = new Label();
    if (type !== "a") program.instructions.push(jumpIf("any-bit", "r2", types[type === "b" ? "c" : "b"], next));
    const end = addMajors(program, section);
    if (type === "a" && end) return end;
    if (end) program.instructions.push({ op: "jump", to: program[end] });
    program.instructions.push({ op: "label", label: next });
  }
  return undefined;
}

function addMajors(program: Program, rules: ParsedRule[]): End {
  for (const section of neighbours(rules, ({ major }) => String(major))) {
    const { major } = section[0]!;
    const next = new Label();
    if (major !== undefined) program.instructions.push(jumpIf("unequal", "r3", major, next));
    const end = addMinors(program, section);
    if (major === undefined && end) return end;
    if (end) program.instructions.push({ op: "jump", to: program[end] });
    program.instructions.push({ op: "label", label: next });
  }
  return undefined;
}

function addMinors(program: Program, rules: ParsedRule[]): End {
  for (const section of neighbours(rules, ({ minor, allow, access }) => `${minor === undefined} ${allow} ${access}`)) {
    const { minor, allow, access } = section[0]!;
    const mask = maskOf(access);
    const all = mask === maskOf("rwm");
    const verdict = allow ? "allowed" : "denied";
    if (minor === undefined) {
      if (all) return verdict;
      addVerdict(program, allow, mask);
      continue;
    }
    const [hit, next] = [all ? program[verdict] : new Label(), new Label()];
    for (const rule of section) program.instructions.push(jumpIf("equal", "r4", rule.minor!, hit));
    if (all) continue;
    program.instructions.push({ op: "jump", to: next }, { op: "label", label: hit });
    addVerdict(program, allow, mask);
    program.instructions.push({ op: "label", label: next });
  }
  return undefined;
}

/** Of some of the letters. */
function addVerdict({ instructions, allowed, denied }: Program, allow: boolean, mask: number): void {
  if (!allow) instructions.push(jumpIf("any-bit", "r2", mask, denied));
  else instructions.push({ op: "and", to: "r2", value: ~mask }, nothingLeft(allowed));
}

const jumpIf = (
  condition: Extract<Instruction, { op: "jump-if" }>["condition"],
  register: "r2" | "r3" | "r4",
  value: number,
  to: Label,
): Instruction => ({ op: "jump-if", condition, register, value, to });

const maskOf = (access: string): number =>
  [...access].reduce((mask, letter) => mask | letters[letter as keyof typeof letters], 0) << accessShift;

/** Runs of neighbours that have a key in common. */
function neighbours<One>(all: One[], keyOf: (one: One) => string): One[][] {
  const runs: One[][] = [];
  for (const one of all) {
    const run = runs.at(-1);
    if (run && keyOf(run[0]!) === keyOf(one)) run.push(one);
    else runs.push([one]);
  }
  return runs;
}
