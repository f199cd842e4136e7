/** Namespaces that only bundles of other engines ask for: clocks, and those that are somebody's already. Pure. */

import type { RareLinux } from "../../oci/rare.ts";
import type { Linux, Namespace } from "../../oci/spec.ts";
import type { ClockOffset, JoinStep, RareStep } from "./step.ts";

const joined = ["uts", "cgroup", "time", "mount"] as const;

/** The mounts last: then paths lead from the root of those. */
export function planRareNamespaces({ namespaces, timeOffsets }: Linux): (RareStep | JoinStep)[] {
  const find = (wanted: string): Namespace | undefined => namespaces.find(({ type }) => type === wanted);
  const time = find("time");
  const own: (RareStep | JoinStep)[] =
    time && !time.path ? [{ do: "time-namespace", offsets: offsetsOf(timeOffsets), why: "clocks of its own" }] : [];
  return [
    ...own,
    ...joined.flatMap((type): (RareStep | JoinStep)[] => {
      const path = find(type)?.path;
      return path ? [{ do: "join-namespace", namespace: type, path, why: "asked for: a namespace that is there" }] : [];
    }),
  ];
}

const offsetsOf = (offsets: RareLinux["timeOffsets"] = {}): ClockOffset[] =>
  Object.entries(offsets).map(([clock, { secs = 0, nanosecs = 0 }]) => ({
    clock: clock as ClockOffset["clock"],
    secs,
    nanosecs,
  }));
