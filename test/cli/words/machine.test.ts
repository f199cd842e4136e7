import { describe, expect, test } from "bun:test";
import { checkCpus, checkMemory, countCpus, readMachine } from "../../../src/cli/words/machine.ts";
import { parseCpus, parseMemory } from "../../../src/cli/words/units.ts";
import { UsageError } from "../../../src/errors.ts";

const machine = { memoryBytes: 16 * 2 ** 30, cpus: 4 };
const memory = (text: string) => checkMemory(text, parseMemory(text), machine);
const cpus = (text: string) => checkCpus(text, parseCpus(text), machine);

/** What is said, and the hint. */
function refusal(check: () => void): [string, string | undefined] {
  try {
    check();
  } catch (error) {
    if (error instanceof UsageError) return [error.message, error.hint];
    throw error;
  }
  throw new Error("it was not refused");
}

describe("limits beyond the machine", () => {
  test("that are within it are right, also all of what was bought", () => {
    for (const text of ["0", "64", "16384", "16g", "16gb", "17g", "536870912b"]) memory(text);
    for (const text of ["0", "0.5", "4", "4.0"]) cpus(text);
  });
  test("of memory are refused, and a bare number is told in both readings", () => {
    expect(refusal(() => memory("536870912"))).toEqual([
      "--memory: 536870912 is 512 TB, as a bare number is MB, and this machine has 16 GB",
      "as bytes, which Docker takes it for, it is 512 MB: write 536870912b",
    ]);
    expect(refusal(() => memory("64g"))).toEqual([
      "--memory: 64g is more than there is: this machine has 16 GB",
      undefined,
    ]);
  });
  test("of CPUs are refused, and what Docker's -c is is told", () => {
    const [message, hint] = refusal(() => cpus("512"));
    expect(message).toBe("--cpus: 512 CPUs are more than there are: this machine has 4");
    expect(hint).toContain("--cpu-shares 512");
    expect(refusal(() => cpus("4.5"))[1]).not.toContain("4.5");
  });
});

test("CPUs are counted as the kernel lists them", () => {
  expect(["0", "0-3", "0,2", "0-3,8-11,15"].map(countCpus)).toEqual([1, 4, 2, 9]);
  const { cpus, memoryBytes } = readMachine();
  expect(cpus).toBeGreaterThan(0);
  expect(memoryBytes).toBeGreaterThan(1 << 20);
});
