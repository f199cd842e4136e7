/**
 * `linux.seccomp` of the OCI runtime specification: which system calls a container may make.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp
 */

export const seccompActions = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
] as const;
export type SeccompAction = (typeof seccompActions)[number];

export const seccompOperators = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] as const;
export type SeccompOperator = (typeof seccompOperators)[number];

export const seccompFlags = [
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_LOG",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
  "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
] as const;
export type SeccompFlag = (typeof seccompFlags)[number];

/** libseccomp's names of architectures. */
export const seccompArchitectures = [
  "X86_64",
  "X86",
  "X32",
  "AARCH64",
  "ARM",
  "RISCV64",
  "LOONGARCH64",
  "PPC64LE",
  "PPC64",
  "PPC",
  "S390X",
  "S390",
  "MIPS",
  "MIPS64",
  "MIPS64N32",
  "MIPSEL",
  "MIPSEL64",
  "MIPSEL64N32",
  "M68K",
  "SH",
  "SHEB",
  "PARISC",
  "PARISC64",
] as const;
const prefix = "SCMP_ARCH_";
export type SeccompArchitecture = `${typeof prefix}${(typeof seccompArchitectures)[number]}`;

/** Without what all their names begin with. */
export const architectureOf = (name: SeccompArchitecture) =>
  name.slice(prefix.length) as (typeof seccompArchitectures)[number];

export interface Seccomp {
  defaultAction: SeccompAction;
  /** EPERM if absent. */
  defaultErrnoRet?: number;
  /** Beside the machine's own. */
  architectures?: SeccompArchitecture[];
  flags?: SeccompFlag[];
  /** Socket of an agent that is sent what SCMP_ACT_NOTIFY reports to. */
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SeccompCalls[];
}

export interface SeccompCalls {
  names: string[];
  action: SeccompAction;
  /** EPERM if absent. */
  errnoRet?: number;
  args?: SeccompArgument[];
}

/** A number of 64 bits: what JavaScript's numbers can't hold is text, as plans and records are JSON. */
export type Bits64 = number | string;

/** A condition upon an argument; for SCMP_CMP_MASKED_EQ `value` is the mask and `valueTwo` what is left of it. */
export interface SeccompArgument {
  index: number;
  value: Bits64;
  valueTwo?: Bits64;
  op: SeccompOperator;
}

/** A profile as moby has it: rules that are there for some containers, machines and kernels only. */
export interface SeccompProfile extends Omit<Seccomp, "syscalls"> {
  /** Instead of `architectures`: those that go with a machine's own. */
  archMap?: { architecture: SeccompArchitecture; subArchitectures?: SeccompArchitecture[] }[];
  syscalls?: ProfileCalls[];
  /** podman's: an errno by its name. */
  defaultErrno?: string;
}

export interface ProfileCalls extends SeccompCalls {
  errno?: string;
  includes?: ProfileFilter;
  excludes?: ProfileFilter;
}

/** Capabilities of the bounding set, machines in Go's words (`amd64`), and the oldest kernel (`4.8`). */
export interface ProfileFilter {
  caps?: string[];
  arches?: string[];
  minKernel?: string;
}

const bits64: string[] = ["value", "valueTwo"] satisfies (keyof SeccompArgument)[];

/** Whether a key of JSON has a number of 64 bits. */
export const isBits64 = (key: string): boolean => bits64.includes(key);

/** What is found in JSON where numbers beyond 2^53 count: what arguments are compared with. */
export const parseWithBits64 = (json: string): unknown =>
  JSON.parse(json, (key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && isBits64(key) && /^\d+$/.test(context?.source ?? "")
      ? context!.source
      : value,
  );
