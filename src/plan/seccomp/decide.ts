/** What a filter answers to each call of each architecture: rules by names become decisions by numbers. Pure. */

import { errnos } from "../../linux/errno.ts";
import { type Architecture, auditNumbers, type Machine, numbersOf, x32Bit } from "../../linux/seccomp/architectures.ts";
import { type Answer, answers, isStricter } from "../../linux/seccomp/bpf.ts";
import {
  architectureOf,
  type Seccomp,
  type SeccompAction,
  type SeccompArgument,
  type SeccompCalls,
  type SeccompOperator,
} from "../../oci/seccomp.ts";
import { multiplexed } from "./multiplexed.ts";

/** An answer that depends on arguments. */
export interface Alternative {
  conditions: Condition[];
  answer: number;
}

/** A comparison with an argument, unsigned, of 64 bits. */
export interface Condition {
  index: number;
  op: SeccompOperator;
  /** Of SCMP_CMP_MASKED_EQ the mask. */
  value: bigint;
  valueTwo: bigint;
}

/** The first alternative whose conditions all hold, or else `otherwise`. */
export interface Decision {
  alternatives: Alternative[];
  otherwise: number;
}

/** Calls from this number up to the next range's. */
export interface Range {
  from: number;
  decision: Decision;
}

/** Per AUDIT_ARCH number of a machine: all numbers, in ascending order from 0. */
export type Decisions = Map<number, Range[]>;

const answersOf: Record<SeccompAction, Answer> = {
  SCMP_ACT_KILL: "killThread",
  SCMP_ACT_KILL_THREAD: "killThread",
  SCMP_ACT_KILL_PROCESS: "killProcess",
  SCMP_ACT_TRAP: "trap",
  SCMP_ACT_ERRNO: "errno",
  SCMP_ACT_TRACE: "trace",
  SCMP_ACT_ALLOW: "allow",
  SCMP_ACT_LOG: "log",
  SCMP_ACT_NOTIFY: "notify",
};

/** What the kernel is told: the action, and beside it an errno or a number for the tracer. */
export function answerFor(action: SeccompAction, errno: number = errnos.EPERM): number {
  const answer = answersOf[action];
  return answers[answer] + (answer === "errno" || answer === "trace" ? errno : 0);
}

const always = (answer: number): Decision => ({ alternatives: [], otherwise: answer });

/** Calls of an architecture that the profile does not name. */
const foreign = always(answers.killProcess);

export function decide(seccomp: Seccomp, machine: Machine): Decisions {
  const wanted = new Set<Architecture>([machine, ...(seccomp.architectures ?? []).map(architectureOf)]);
  const decisions: Decisions = new Map();
  for (const [name, audit] of Object.entries(auditNumbers[machine])) {
    const architecture = name as Architecture;
    if (architecture === "X32" || !wanted.has(architecture)) continue;
    const own = rangesOf(seccomp, architecture);
    // They come as calls of x86_64, with numbers of their own. -1 is a call that a tracer has taken back.
    decisions.set(
      audit,
      architecture === "X86_64"
        ? [...own, ...x32Ranges(seccomp, wanted), { from: 0xffffffff, decision: always(defaultOf(seccomp)) }]
        : own,
    );
  }
  return decisions;
}

const x32Ranges = (seccomp: Seccomp, wanted: Set<Architecture>): Range[] =>
  wanted.has("X32") ? rangesOf(seccomp, "X32", x32Bit) : [{ from: x32Bit, decision: foreign }];

const defaultOf = ({ defaultAction, defaultErrnoRet }: Seccomp): number => answerFor(defaultAction, defaultErrnoRet);

const permissive: SeccompAction[] = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"];

function rangesOf(seccomp: Seccomp, architecture: Architecture, start = 0): Range[] {
  const calls = callsOf(seccomp, architecture);
  const fallback = always(defaultOf(seccomp));
  const ranges: Range[] = [{ from: start, decision: fallback }];
  const numbers = [...calls.keys()].sort((a, b) => a - b);
  for (const number of numbers) {
    const last = ranges.at(-1)!;
    const decision = calls.get(number)!;
    if (last.from === number) ranges[ranges.length - 1] = { from: number, decision };
    else ranges.push({ from: number, decision });
    ranges.push({ from: number + 1, decision: fallback });
  }
  // As runc has it: to what is newer than the profile a program gets the answer of an older kernel, and does without.
  if (numbers.length > 0 && !permissive.includes(seccomp.defaultAction)) ranges.at(-1)!.decision = newer;
  return ranges.filter(({ decision }, index) => index === 0 || !isSame(decision, ranges[index - 1]!.decision));
}

const newer = always(answers.errno + errnos.ENOSYS);

const isSame = (one: Decision, other: Decision): boolean =>
  one === other ||
  (one.alternatives.length === 0 && other.alternatives.length === 0 && one.otherwise === other.otherwise);

/** Which decision each number has that a rule names. A name that this architecture has no call of is nothing to it. */
function callsOf(seccomp: Seccomp, architecture: Architecture): Map<number, Decision> {
  const numbers = numbersOf(architecture);
  const rules = new Map<number, SeccompCalls[]>();
  const add = (number: number, rule: SeccompCalls): void => {
    const list = rules.get(number);
    if (list) list.push(rule);
    else rules.set(number, [rule]);
  };
  for (const rule of seccomp.syscalls ?? [])
    for (const name of rule.names) {
      const number = numbers.get(name);
      if (number !== undefined) add(number, rule);
      for (const [outer, inner] of multiplexed(architecture, name, rule, seccomp)) add(numbers.get(outer)!, inner);
    }
  return new Map([...rules].map(([number, list]) => [number, decisionOf(list, defaultOf(seccomp))]));
}

/**
 * Of several rules without conditions the first counts, as with libseccomp. What has conditions counts where it is stricter,
 * whatever their order: the strictest of all that hold decides. (libseccomp forgets them beside a rule without.)
 */
function decisionOf(rules: SeccompCalls[], fallback: number): Decision {
  const answerOf = ({ action, errnoRet }: SeccompCalls): number => answerFor(action, errnoRet);
  const plain = rules.find((rule) => !rule.args?.length && answerOf(rule) !== fallback);
  const alternatives = rules.flatMap((rule) => {
    const conditions = (rule.args ?? []).map(conditionOf);
    if (conditions.length === 0) return [];
    // As runc has it: two conditions upon one argument are an either-or.
    const indexes = new Set(conditions.map(({ index }) => index));
    const groups = indexes.size < conditions.length ? conditions.map((condition) => [condition]) : [conditions];
    return groups.map((group): Alternative => ({ conditions: group, answer: answerOf(rule) }));
  });
  const otherwise = plain ? answerOf(plain) : fallback;
  const telling = plain ? alternatives.filter(({ answer }) => isStricter(answer, otherwise)) : alternatives;
  telling.sort((a, b) => (a.answer | 0) - (b.answer | 0));
  return { alternatives: telling, otherwise };
}

const conditionOf = ({ index, op, value, valueTwo = 0 }: SeccompArgument): Condition => ({
  index,
  op,
  value: BigInt(value),
  valueTwo: BigInt(valueTwo),
});
