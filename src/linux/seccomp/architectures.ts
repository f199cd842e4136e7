/** The architectures that a filter may be about: what seccomp(2) is told of a call's, and the numbers of their calls. Pure. */

import csv from "./syscalls.txt" with { type: "text" };

/** The column of syscalls.txt that the calls of each are in. */
const columns = {
  X86_64: "x86_64",
  X86: "x86",
  X32: "x32",
  AARCH64: "aarch64",
  ARM: "arm",
  MIPS: "mips",
  MIPS64: "mips64",
  MIPS64N32: "mips64n32",
  MIPSEL: "mips",
  MIPSEL64: "mips64",
  MIPSEL64N32: "mips64n32",
  PPC: "ppc",
  PPC64: "ppc64",
  PPC64LE: "ppc64",
  S390: "s390",
  S390X: "s390x",
  PARISC: "parisc",
  PARISC64: "parisc64",
  RISCV64: "riscv64",
  LOONGARCH64: "loongarch64",
  M68K: "m68k",
  SH: "sh",
  SHEB: "sh",
} as const;

/** In the words of libseccomp and the OCI specification, without SCMP_ARCH_. */
export type Architecture = keyof typeof columns;

/** The two kinds of machine that tinydocker runs on. */
export type Machine = "X86_64" | "AARCH64";

export const machineOf = (arch: string): Machine => (arch === "arm64" ? "AARCH64" : "X86_64");

/** AUDIT_ARCH_* of the calls that can be made on each machine. What other architectures a profile has a filter never sees there. */
export const auditNumbers: Record<Machine, Partial<Record<Architecture, number>>> = {
  X86_64: { X86_64: 0xc000003e, X86: 0x40000003, X32: 0xc000003e },
  AARCH64: { AARCH64: 0xc00000b7, ARM: 0x40000028 },
};

/** In the numbers of x32 calls, which the kernel takes for calls of x86_64. */
export const x32Bit = 0x40000000;

let rows: string[][] | undefined;

const table = (): string[][] => {
  rows ??= csv
    .split("\n")
    .slice(1)
    .map((line) => line.split(","));
  return rows;
};

/** Numbers of calls by their names. */
export function numbersOf(architecture: Architecture): Map<string, number> {
  const [head, ...calls] = table();
  const column = head!.indexOf(columns[architecture]);
  const numbers = new Map<string, number>();
  for (const row of calls) if (row[column]) numbers.set(row[0]!, Number(row[column]));
  return numbers;
}

/** Whether there is a call of this name on any architecture. */
export const isCall = (name: string): boolean => table().some(([call]) => call === name);
