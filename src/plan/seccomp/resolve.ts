/** From a profile, whose rules depend on the container, the machine and the kernel, to the rules of one container. Pure. */

import { InvalidError } from "../../errors.ts";
import { errnoNamed } from "../../linux/errno.ts";
import type { Machine } from "../../linux/seccomp/architectures.ts";
import type { ProfileCalls, ProfileFilter, Seccomp, SeccompCalls, SeccompProfile } from "../../oci/seccomp.ts";

/** What conditions of a profile may ask for. */
export interface ProfileFacts {
  /** The bounding set. */
  capabilities: readonly string[];
  machine: Machine;
  /** As uname(2) has it: `6.1.0-18-amd64`. */
  kernel: string;
}

/** In Go's words. */
const goNames: Record<Machine, string> = { X86_64: "amd64", AARCH64: "arm64" };

/**
 * The rules that count for one container, as `linux.seccomp` has them. As Docker's: `excludes` takes a rule out if one of its
 * conditions holds, and `includes` leaves it in if all do.
 * @param where for people: the file. @throws InvalidError for a word that no profile knows.
 */
export function resolveProfile(profile: SeccompProfile, facts: ProfileFacts, where: string): Seccomp {
  const { archMap, architectures, syscalls = [], defaultErrno, ...common } = profile;
  const own = archMap?.find(({ architecture }) => architecture === `SCMP_ARCH_${facts.machine}`);
  const all = own ? [own.architecture, ...(own.subArchitectures ?? [])] : (architectures ?? []);
  return {
    ...common,
    ...(defaultErrno !== undefined && { defaultErrnoRet: errnoOf(defaultErrno, where) }),
    ...(all.length > 0 && { architectures: all }),
    syscalls: syscalls.filter((rule) => counts(rule, facts, where)).map((rule) => plain(rule, where)),
  };
}

function plain({ includes: _, excludes: __, errno, ...rule }: ProfileCalls, where: string): SeccompCalls {
  return errno === undefined ? rule : { ...rule, errnoRet: errnoOf(errno, where) };
}

/** podman's profiles name the errno and have its number beside it. */
function errnoOf(name: string, where: string): number {
  const number = errnoNamed(name);
  if (number === undefined) throw new InvalidError(`${where}: ${JSON.stringify(name)} is not the name of an errno`);
  return number;
}

function counts({ includes, excludes }: ProfileCalls, facts: ProfileFacts, where: string): boolean {
  const { capabilities } = facts;
  const out =
    excludes && conditionsOf(excludes, facts, where, (caps) => caps.some((name) => capabilities.includes(name)));
  const within =
    includes && conditionsOf(includes, facts, where, (caps) => caps.every((name) => capabilities.includes(name)));
  return !out?.some(Boolean) && (within ?? []).every(Boolean);
}

/** Whether each condition that is given holds. */
function conditionsOf(
  { caps, arches, minKernel }: ProfileFilter,
  { machine, kernel }: ProfileFacts,
  where: string,
  hold: (caps: string[]) => boolean,
): boolean[] {
  return [
    ...(caps?.length ? [hold(caps)] : []),
    ...(arches?.length ? [arches.includes(goNames[machine])] : []),
    ...(minKernel ? [compareVersions(kernel, minKernel, where) >= 0] : []),
  ];
}

function compareVersions(kernel: string, least: string, where: string): number {
  const wanted = /^(\d+)\.(\d+)$/.exec(least);
  if (!wanted) throw new InvalidError(`${where}: minKernel: ${JSON.stringify(least)} is not a version`, "as in 4.8");
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  return major - Number(wanted[1]) || minor - Number(wanted[2]);
}

/** Capabilities that a profile asks for: what containers with the same of these get is the same. */
export function capabilitiesOf({ syscalls = [] }: SeccompProfile): Set<string> {
  return new Set(syscalls.flatMap(({ includes, excludes }) => [...(includes?.caps ?? []), ...(excludes?.caps ?? [])]));
}
