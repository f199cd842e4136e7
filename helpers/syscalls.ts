/**
 * Writes src/linux/seccomp/syscalls.txt: the number of each system call on each architecture, from the kernel's own headers.
 *
 *     apt-get download linux-libc-dev && dpkg -x linux-libc-dev_*_all.deb headers
 *     bun helpers/syscalls.ts headers/usr/lib/linux/uapi 7.2
 *
 * Since Debian 13 that package has the headers of all architectures. 31-bit s390 is gone from newer kernels: where there are
 * older headers of it, they are named after the version.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [headers, version, s390] = process.argv.slice(2);
if (headers === undefined || version === undefined)
  throw new Error("usage: bun helpers/syscalls.ts DIRECTORY KERNEL-VERSION [S390-UNISTD_32.H]");

/** What each header counts from, by the word that stands before the plus sign. */
type Base = Record<string, number>;

/** In the order of their columns, by libseccomp's names: header, and what it counts from. */
const architectures: Record<string, [header: string, base?: Base]> = {
  x86_64: ["x86/asm/unistd_64.h"],
  x86: ["x86/asm/unistd_32.h"],
  x32: ["x86/asm/unistd_x32.h", { __X32_SYSCALL_BIT: 0x40000000 }],
  aarch64: ["arm64/asm/unistd_64.h"],
  arm: ["arm/asm/unistd-eabi.h", { __NR_SYSCALL_BASE: 0 }],
  riscv64: ["riscv/asm/unistd_64.h"],
  loongarch64: ["loongarch/asm/unistd_64.h"],
  ppc64: ["powerpc/asm/unistd_64.h"],
  ppc: ["powerpc/asm/unistd_32.h"],
  s390x: ["s390/asm/unistd_64.h"],
  s390: [s390 ?? "s390/asm/unistd_32.h"],
  mips: ["mips/asm/unistd_o32.h", { __NR_Linux: 4000 }],
  mips64: ["mips/asm/unistd_n64.h", { __NR_Linux: 5000 }],
  mips64n32: ["mips/asm/unistd_n32.h", { __NR_Linux: 6000 }],
  m68k: ["m68k/asm/unistd_32.h"],
  sh: ["sh/asm/unistd_32.h"],
  parisc: ["parisc/asm/unistd_32.h"],
  parisc64: ["parisc/asm/unistd_64.h"],
};

/** Calls of arm alone, which asm/unistd.h counts from __ARM_NR_BASE. */
const ofArm = ["breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"];
const armBase = 0x0f0000;

function numbersOf(file: string, bases: Base = {}): Map<string, number> {
  const numbers = new Map<string, number>();
  const definition = /^#define __NR_(\w+)\s+(?:\((\w+) \+ (\d+)\)|(\d+))\s*$/gm;
  for (const [, name, base, offset, number] of readFileSync(file, "utf8").matchAll(definition)) {
    if (name === "syscalls") continue;
    if (base !== undefined && !(base in bases)) throw new Error(`${file}: ${name} counts from ${base}`);
    numbers.set(name!, base === undefined ? Number(number) : bases[base]! + Number(offset));
  }
  if (numbers.size < 200) throw new Error(`${file} has ${numbers.size} calls only`);
  return numbers;
}

const tables = Object.entries(architectures).flatMap(([name, [header, base]]) => {
  const file = header.startsWith("/") ? header : join(headers, header);
  if (!existsSync(file)) {
    console.warn(`no ${file}: no column for ${name}`);
    return [];
  }
  const numbers = numbersOf(file, base);
  if (name === "arm") for (const [index, call] of ofArm.entries()) numbers.set(call, armBase + 1 + index);
  return [{ name, numbers }];
});
const names = [...new Set(tables.flatMap(({ numbers }) => [...numbers.keys()]))].sort();
const lines = [
  `# Numbers of system calls, from the headers of Linux ${version} (helpers/syscalls.ts)`,
  ["name", ...tables.map(({ name }) => name)].join(","),
  ...names.map((call) => [call, ...tables.map(({ numbers }) => numbers.get(call) ?? "")].join(",")),
];
writeFileSync(join(import.meta.dir, "../src/linux/seccomp/syscalls.txt"), `${lines.join("\n")}\n`);
console.log(`${names.length} calls, ${tables.length} architectures`);
