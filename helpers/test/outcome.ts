/** What came of a check: whether all is well, and what `bun test` said of its tests. */

export interface Outcome {
  ok: boolean;
  counts?: Counts;
  /** Each as `FILE: NAME OF THE TEST`. */
  failures?: string[];
  note?: string;
}

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What a run of `bun test` says of itself. A run without a summary did not get to its end: that is a failure, whatever it ran. */
export function outcome(status: number, report: string): Outcome {
  const plain = Bun.stripANSI(report);
  const last = (word: string): number =>
    Number([...plain.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
  const counts = { passed: last("pass"), failed: last("fail"), skipped: last("skip") + last("todo") };
  const complete = /^Ran \d+ tests? across/m.test(plain);
  const failures = failuresIn(plain);
  if (!complete || (status !== 0 && counts.failed === 0)) {
    counts.failed++;
    failures.push(`${complete ? "an error outside of its tests" : "did not get to its end"} (exit code ${status})`);
  }
  return { ok: status === 0 && complete && counts.failed === 0, counts, failures };
}

/** Several as one. */
export function together(outcomes: Outcome[]): Outcome {
  const sum = (of: keyof Counts): number => outcomes.reduce((total, { counts }) => total + (counts?.[of] ?? 0), 0);
  return {
    ok: outcomes.every(({ ok }) => ok),
    counts: { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") },
    failures: outcomes.flatMap(({ failures }) => failures ?? []),
  };
}

/** The tests that a report says have failed, each behind its file, which has a line of its own above it. */
function failuresIn(plain: string): string[] {
  let file = "";
  const failures = new Set<string>();
  for (const line of plain.split("\n")) {
    // What follows repeats them all.
    if (/^\d+ tests? failed:$/.test(line)) break;
    file = /^(\S+\.test\.ts):$/.exec(line)?.[1] ?? file;
    const test = /^\(fail\) (.*?)(?: \[[\d.]+ms\])?$/.exec(line)?.[1];
    if (test !== undefined) failures.add(`${file}: ${test}`);
  }
  return [...failures];
}
