/** Limits of one process, as `--ulimit` says them (getrlimit(2)). Pure. */

import { UnsupportedError, UsageError } from "../errors.ts";
import type { Rlimit } from "../oci/spec.ts";
import type { Ulimit } from "./process-options.ts";

/** Docker's names, and `as`, which the kernel has too. */
export const ulimitNames = [
  ...["as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue"],
  ...["nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"],
];

/** `--ulimit nofile=1024:524288`: soft and hard, or one for both; -1 and unlimited are without a limit. */
export function parseUlimit(text: string): Ulimit {
  const [, name = "", values = ""] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const fail = (reason: string, hint?: string) => new UsageError(`--ulimit: ${reason}`, hint);
  if (name === "") throw fail(`${JSON.stringify(text)} is not NAME=soft[:hard]`, "nofile=1024:524288");
  if (!ulimitNames.includes(name))
    throw fail(`${JSON.stringify(name)} is not a limit`, `one of ${ulimitNames.join(", ")}`);
  const parsed = values.split(":").map(parseValue);
  const [soft, hard] = parsed.length === 1 ? [parsed[0], parsed[0]] : parsed;
  if (soft === undefined || hard === undefined || parsed.length > 2)
    throw fail(`${name}=${values} is not soft[:hard]`, `numbers from 0, or -1 for unlimited: ${name}=1024:2048`);
  if (hard !== -1 && (soft === -1 || soft > hard))
    throw fail(`${name}=${values}: the soft limit is above the hard one`, `${name}=SOFT:HARD`);
  return { name, soft, hard };
}

function parseValue(text: string): number | undefined {
  if (text === "-1" || text === "unlimited") return -1;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** What may be set at most. */
export interface UlimitFacts {
  /** Hard limits of our own by their names, where we can't raise them. */
  hardLimits: Record<string, number>;
  /** fs.nr_open: nobody may have a higher limit of open files. */
  maxFiles: number;
}

/** RLIM_INFINITY as the specification has it. */
const unlimited = 2 ** 64;

/** The limits of a spec with those that were asked for. */
export function applyUlimits(rlimits: Rlimit[], ulimits: Ulimit[], facts: UlimitFacts): Rlimit[] {
  const asked = ulimits.map((ulimit) => rlimitOf(ulimit, facts));
  return [...rlimits.filter(({ type }) => !asked.some((one) => one.type === type)), ...asked];
}

function rlimitOf({ name, soft, hard }: Ulimit, { hardLimits, maxFiles }: UlimitFacts): Rlimit {
  const type = `RLIMIT_${name.toUpperCase()}`;
  const most = Math.min(hardLimits[type] ?? unlimited, name === "nofile" ? maxFiles : unlimited);
  // There is no such thing as unlimited open files; as many as there can be is what was meant.
  const number = (value: number) => (value !== -1 ? value : name === "nofile" ? most : unlimited);
  const rlimit = { type, soft: number(soft), hard: number(hard) };
  if (rlimit.hard <= most) return rlimit;
  const why =
    name === "nofile" && most === maxFiles ? "fs.nr_open of this host" : "the hard limit of tinydocker itself";
  throw new UnsupportedError(`--ulimit ${name}: ${shown(rlimit.hard)} is above ${most}, ${why}`);
}

const shown = (value: number): string => (value === unlimited ? "unlimited" : String(value));
