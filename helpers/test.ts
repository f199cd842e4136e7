/**
 * `npm test`: every check of the project, one after the other, each under a heading; the virtual machine, which has little to do
 * with the rest, beside the tests before it, and tests of the binary beside each other. Ends with the number of tests that
 * passed and failed, counted from what `bun test` said of each of its runs, and with the names of those that failed.
 *
 * Words given to it choose steps by a part of their titles: `npm test -- unit`. `e2e` and `vm` are short for two of them.
 */

import { globSync } from "node:fs";
import { join } from "node:path";
import { bunTestInLanes } from "./test/lanes.ts";
import { type Counts, type Outcome, outcome } from "./test/outcome.ts";
import { missingForVm, vm } from "./vm.ts";

const repository = join(import.meta.dir, "..");
const bun = process.execPath;

type Write = (data: Buffer) => void;
interface Step {
  title: string;
  perform: (stdout: Write, stderr: Write) => Promise<Outcome>;
  /** Nothing after it can tell us anything without it. */
  needed?: true;
  /** Begins once all that is needed is there; what it writes is held back until its turn. */
  early?: true;
}
const steps: Step[] = [
  { title: "Types", perform: () => command("tsc", "--noEmit") },
  { title: "Lint and format", perform: () => command("biome", "check", ".") },
  { title: "Workflows", perform: checkWorkflows },
  { title: "Build", perform: () => command("bun", "helpers/build.ts"), needed: true },
  { title: "Images", perform: () => command("bun", "helpers/images.ts"), needed: true },
  {
    title: "Unit tests",
    perform: () =>
      bunTest(
        testFiles((file) => !systemTest(file)),
        "60000",
      ),
  },
  {
    title: "End-to-end tests on the binary",
    perform: () =>
      bunTestInLanes(
        testFiles((file) => systemTest(file) && !vmTest(file)),
        "180000",
        Promise.all([...early.values()].map(({ end }) => end)),
      ),
  },
  {
    title: "Limits, in a virtual machine with cgroup v2",
    early: true,
    perform: (...write) => bunTestInVm(testFiles(vmTest), ...write),
  },
];

/** Tests below these run the compiled binary, and take longer. */
const systemTest = (file: string): boolean => /^test\/(e2e|contract|vm)\//.test(file);
const vmTest = (file: string): boolean => file.startsWith("test/vm/");

const testFiles = (choose: (file: string) => boolean): string[] =>
  globSync("test/**/*.test.ts", { cwd: repository }).filter(choose).sort();

/** A command that only has to succeed. */
async function command(...argv: string[]): Promise<Outcome> {
  const child = Bun.spawn(argv, { cwd: repository, stdio: ["ignore", "inherit", "inherit"] });
  return { ok: (await child.exited) === 0 };
}

async function checkWorkflows(): Promise<Outcome> {
  const files = globSync(".github/workflows/*.yml", { cwd: repository });
  for (const file of files) if (!(await command("action-validator", file)).ok) return { ok: false };
  if (Bun.which("yamllint") === null) return { ok: true, note: "without yamllint, which is not installed" };
  return command("yamllint", "--strict", ".github");
}

async function bunTest(files: string[], timeoutMs: string): Promise<Outcome> {
  if (files.length === 0) return { ok: true, note: "no test yet" };
  const child = Bun.spawn([bun, "test", "--timeout", timeoutMs, ...files.map((file) => `./${file}`)], {
    cwd: repository,
    stdio: ["ignore", "inherit", "pipe"],
  });
  let report = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk);
    report += decoder.decode(chunk, { stream: true });
  }
  return outcome(await child.exited, report);
}

async function bunTestInVm(files: string[], stdout: Write, stderr: Write): Promise<Outcome> {
  if (files.length === 0) return { ok: true, note: "no test yet" };
  const missing = missingForVm();
  if (missing)
    return { ok: true, note: `skipped: this machine lacks ${missing}`, counts: { passed: 0, failed: 0, skipped: 1 } };
  let report = "";
  const argv = [bun, "test", "--timeout", "240000", ...files.map((file) => `./${file}`)];
  const options = { memMB: 2048, cwd: repository, timeoutSeconds: 1800 };
  const status = await vm(argv, options, stdout, (data) => {
    stderr(data);
    report += data.toString();
  });
  return outcome(status, report);
}

interface Timed {
  result: Outcome;
  seconds: number;
}
async function timed({ perform }: Step, stdout: Write, stderr: Write): Promise<Timed> {
  const started = performance.now();
  const result = await perform(stdout, stderr).catch((error: Error): Outcome => ({ ok: false, note: error.message }));
  return { result, seconds: (performance.now() - started) / 1000 };
}

/** A step that was started before its turn. */
interface Begun {
  end: Promise<Timed>;
  /** Prints what it has written until then, and from then on. */
  print(): void;
}
function begin(step: Step): Begun {
  const held: (() => void)[] = [];
  let turn = false;
  const hold =
    (write: Write): Write =>
    (data) =>
      turn ? write(data) : void held.push(() => write(data));
  const end = timed(step, hold(toStdout), hold(toStderr));
  const print = (): void => {
    turn = true;
    for (const write of held) write();
  };
  return { end, print };
}
const toStdout: Write = (data) => void process.stdout.write(data);
const toStderr: Write = (data) => void process.stderr.write(data);

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const results: string[] = [];
const failures: string[] = [];
let ok = true;
const short: Record<string, string> = { e2e: "end-to-end", vm: "virtual machine" };
const words = process.argv.slice(2).map((word) => short[word] ?? word.toLowerCase());
const unknown = words.find((word) => !steps.some(({ title }) => title.toLowerCase().includes(word)));
if (unknown !== undefined) throw new Error(`no check is called ${JSON.stringify(unknown)}`);
const chosen = steps.filter(
  ({ title }) => words.length === 0 || words.some((word) => title.toLowerCase().includes(word)),
);
const early = new Map<Step, Begun>();
for (const [at, step] of chosen.entries()) {
  if (!step.needed && chosen.slice(at).every(({ needed }) => !needed))
    for (const one of chosen.slice(at + 1)) if (one.early && !early.has(one)) early.set(one, begin(one));
  console.log(`\n== ${step.title}`);
  early.get(step)?.print();
  const { result, seconds } = await (early.get(step)?.end ?? timed(step, toStdout, toStderr));
  const { passed, failed, skipped } = result.counts ?? { passed: 0, failed: 0, skipped: 0 };
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  failures.push(...(result.failures ?? []));
  ok &&= result.ok;
  const note = result.note ? ` (${result.note})` : "";
  results.push(`${result.ok ? "ok    " : "FAILED"} ${seconds.toFixed(1).padStart(6)} s  ${step.title}${note}`);
  if (!result.ok && step.needed) break;
}
console.log(`\n== Results\n${results.join("\n")}\n`);
if (failures.length > 0) console.log(`What failed:\n${failures.map((line) => `  ${line}\n`).join("")}`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exitCode = ok ? 0 : 1;
