/** Namespaces that only bundles of other engines ask for: clocks, and those that are somebody's already. Pure. */

import type { RareLinux } from "../../oci/rare.ts";
import type { Linux, Namespace } from "../../oci/spec.ts";
import type { ClockOffset, JoinStep, RareStep } from "./step.ts";

const joined = ["uts", "cgroup", "time", "mount"] as const;

const find = ({ namespaces }: Linux, wanted: string): Namespace | undefined =>
  namespaces.find(({ type }) => type === wanted);

/** Clocks of its own. In a user namespace nobody could set them: /proc/self belongs to the host's root there. So that is entered later. */
export function planClocks(linux: Linux): RareStep[] {
  const time = find(linux, "time");
  if (!time || time.path) return [];
  return [{ do: "time-namespace", offsets: offsetsOf(linux.timeOffsets), why: "clocks of its own" }];
}

/** The mounts last: then paths lead from the root of those. */
export function planRareNamespaces(linux: Linux): (RareStep | JoinStep)[] {
  return [
    ...(linux.uidMappings ? [] : planClocks(linux)),
    ...joined.flatMap((type): (RareStep | JoinStep)[] => {
      const path = find(linux, type)?.path;
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
