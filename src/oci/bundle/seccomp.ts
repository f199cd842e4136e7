/** Which system calls may be made: `linux.seccomp` of a config.json, and the profiles that such are made of. */

import { InvalidError } from "../../errors.ts";
import {
  type Bits64,
  type ProfileCalls,
  type ProfileFilter,
  type Seccomp,
  type SeccompAction,
  type SeccompArgument,
  type SeccompCalls,
  type SeccompFlag,
  type SeccompProfile,
  seccompActions,
  seccompArchitectures,
  seccompFlags,
  seccompOperators,
} from "../seccomp.ts";
import { absolutePath, integer, listOf, optional, orElse, type Part, structure, text, uint16, word } from "./reader.ts";

const exact = integer(0, Number.MAX_SAFE_INTEGER);

const bits64: Part<Bits64> = (value, where) =>
  typeof value === "string" && isBeyond(value) ? value : exact(value, where);

const isBeyond = (text: string): boolean =>
  /^[1-9]\d{15,19}$/.test(text) && BigInt(text) > BigInt(Number.MAX_SAFE_INTEGER) && BigInt(text) < 2n ** 64n;

const architecture = word(...seccompArchitectures.map((name) => `SCMP_ARCH_${name}` as const));

const argument = structure<SeccompArgument>({
  // A call has six.
  index: integer(0, 5),
  value: bits64,
  valueTwo: optional(bits64),
  op: word(...seccompOperators),
});

const rule = {
  action: word(...seccompActions),
  errnoRet: optional(uint16),
  args: optional(listOf(argument)),
};

/** With the fields that are left out when they are `null`, as Go has them. */
const common = {
  defaultAction: word(...seccompActions),
  defaultErrnoRet: optional(uint16),
  architectures: optional(listOf(architecture)),
  flags: optional(listOf(word(...seccompFlags))),
  listenerPath: optional(absolutePath),
  listenerMetadata: optional(text),
};

/** @throws InvalidError */
export const seccomp = checked(
  structure<Seccomp>({
    ...common,
    syscalls: optional(listOf(structure<SeccompCalls>({ names: listOf(text), ...rule }))),
  }),
);

const filter = structure<ProfileFilter>({
  caps: optional(listOf(text)),
  arches: optional(listOf(text)),
  minKernel: optional(text),
});

/** Older profiles of Docker's have a rule for each call. */
interface NamedCalls extends ProfileCalls {
  name?: string;
}

const profileCalls = structure<NamedCalls>({
  names: orElse(listOf(text), []),
  name: optional(text),
  ...rule,
  errno: optional(text),
  includes: optional(filter),
  excludes: optional(filter),
});

function calls(value: unknown, where: string): ProfileCalls {
  const { name, ...read } = profileCalls(value, where);
  if (!name) return read;
  if (read.names.length > 0) throw new InvalidError(`${where} has both name and names`);
  return { ...read, names: [name] };
}

/** A profile, whose rules are for some containers, machines and kernels only. @throws InvalidError */
export const seccompProfile = checked(
  structure<SeccompProfile>({
    ...common,
    defaultErrno: optional(text),
    syscalls: optional(listOf(calls)),
    archMap: optional(
      listOf(
        structure<NonNullable<SeccompProfile["archMap"]>[number]>({
          architecture,
          subArchitectures: optional(listOf(architecture)),
        }),
      ),
    ),
  }),
);

const ofReports: SeccompFlag = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";

const withErrno: SeccompAction[] = ["SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"];

/** What fields ask of each other. */
function checked<Profile extends SeccompProfile>(part: Part<Profile>): Part<Profile> {
  const read = (value: unknown, where: string): Profile => {
    const profile = part(value, where);
    const refuse = (name: string, reason: string): never => {
      throw new InvalidError(`${where}${where.endsWith(":") ? " " : "."}${name} ${reason}`);
    };
    const {
      defaultAction,
      defaultErrnoRet,
      architectures,
      archMap,
      flags = [],
      listenerPath,
      listenerMetadata,
    } = profile;
    if (defaultErrnoRet !== undefined && !withErrno.includes(defaultAction))
      refuse("defaultErrnoRet", `is given, but ${defaultAction} has no errno`);
    if (architectures?.length && archMap?.length) refuse("archMap", "is given beside architectures");
    if (defaultAction === "SCMP_ACT_NOTIFY") refuse("defaultAction", "is SCMP_ACT_NOTIFY: no program could start");
    const reports = (profile.syscalls ?? []).some(({ action }) => action === "SCMP_ACT_NOTIFY");
    if (flags.includes(ofReports) && !reports) refuse("flags", `has ${ofReports}, and no call is SCMP_ACT_NOTIFY`);
    if (listenerMetadata && !listenerPath) refuse("listenerMetadata", "is given without a listenerPath");
    for (const [index, { names, action, errnoRet, errno }] of (profile.syscalls ?? []).entries()) {
      const at = `syscalls[${index}].`;
      if (names.length === 0) refuse(`${at}names`, "is empty");
      if ((errnoRet ?? errno) !== undefined && !withErrno.includes(action))
        refuse(`${at}errnoRet`, `is given, but ${action} has no errno`);
      if (action === "SCMP_ACT_NOTIFY" && !listenerPath)
        refuse(`${at}action`, "is SCMP_ACT_NOTIFY, and there is no listenerPath");
      if (action === "SCMP_ACT_NOTIFY" && names.includes("write"))
        refuse(`${at}action`, "is SCMP_ACT_NOTIFY for write, by which the runtime hears that the agent is to be told");
    }
    return profile;
  };
  return Object.assign(read, part);
}
