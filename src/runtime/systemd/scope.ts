/** Scopes of systemd: the cgroup of a container as a unit, made with its first process, limited, and stopped (systemd.scope(5)). */

import { ConflictError, Failure } from "../../errors.ts";
import { killCgroup, removeCgroup } from "../../linux/cgroup.ts";
import { close, type Fd, O_DIRECTORY, O_RDONLY, open } from "../../linux/file.ts";
import { endInhabitant, launchInhabitant } from "../../linux/program/inhabitant.ts";
import { type Property, property } from "../../plan/systemd/property.ts";
import type { ScopeLimitsStep, ScopeStep } from "../../plan/systemd/step.ts";
import { RefusedError, SystemdConnection } from "./bus.ts";
import type { Value } from "./signature.ts";

/** A scope that there is, by its unit and its cgroup v2 directory. */
export interface ScopePlace {
  unit: string;
  path: string;
}

/**
 * Makes a scope. systemd has no scope without a process, and one that is alone in it goes with the scope: so somebody holds the
 * place until the container's own first process is born there (`prepared.inhabited`).
 * @throws ConflictError if there is such a unit
 */
export function makeScope(
  { unit, path, properties, owner }: ScopeStep,
  undo: Undo,
  { prepared }: { prepared: Holding },
): void {
  const inhabitant = launchInhabitant();
  let holds = true;
  prepared.inhabited = () => {
    if (holds) endInhabitant(inhabitant);
    holds = false;
  };
  undo.add(prepared.inhabited);
  SystemdConnection.use((systemd) => {
    const result = begin(systemd, unit, [...properties, property("PIDs", "au", [inhabitant.pid])]);
    if (result === "done") return;
    resetFailed(systemd, unit);
    throw new Failure(`systemd could not make ${unit}: its job ended as ${JSON.stringify(result)}`);
  });
  undo.add(() => endScope({ unit, path }));
  if (owner) (require("../userns/prepare.ts") as typeof import("../userns/prepare.ts")).giveCgroup(path, owner);
  const cgroup = open(path, O_RDONLY | O_DIRECTORY);
  prepared.cgroup = cgroup;
  undo.add(() => close(cgroup));
}

/** What is left for later steps: its cgroup, open, and who is to be told that somebody else is in it. Once is enough. */
export interface Holding {
  cgroup?: Fd;
  inhabited?: () => void;
}

interface Undo {
  add(undo: () => void): void;
}

/** A unit that failed is there until somebody has taken notice: it is nobody's any more. */
function begin(systemd: SystemdConnection, unit: string, properties: readonly Property[]): string {
  const start = () =>
    systemd.job(unit, "StartTransientUnit", "ssa(sv)a(sa(sv))", [unit, "fail", pairs(properties), []]);
  try {
    return start();
  } catch (error) {
    if (!isRefusal(error, "UnitExists")) throw error;
    resetFailed(systemd, unit);
    try {
      return start();
    } catch (again) {
      if (!isRefusal(again, "UnitExists")) throw again;
      throw new ConflictError(`systemd has a unit ${unit} already`, "each container needs a scope of its own");
    }
  }
}

/** Gives it other limits, until it ends or the next ones come. They are in its cgroup when this returns. */
export function setScopeLimits({ unit, properties }: Pick<ScopeLimitsStep, "unit" | "properties">): void {
  if (properties.length === 0) return;
  SystemdConnection.use((systemd) => {
    systemd.manager("SetUnitProperties", "sba(sv)", [unit, true, pairs(properties)]);
    systemd.settle();
  });
}

/** Ends all that is in a scope, and the scope. One that is not there any more is fine: with its last process systemd takes it away. */
export function endScope({ unit, path }: ScopePlace): void {
  // Or systemd would ask its processes to end, and wait.
  killCgroup(path);
  SystemdConnection.use((systemd) => {
    try {
      systemd.job(unit, "StopUnit", "ss", [unit, "replace"]);
    } catch (error) {
      if (!isRefusal(error, "NoSuchUnit")) throw error;
    }
    resetFailed(systemd, unit);
  });
  removeCgroup(path);
}

/** "failed" is what one is whose program was killed because of its memory; it would stay for ever, and its name be taken. */
function resetFailed(systemd: SystemdConnection, unit: string): void {
  try {
    systemd.manager("ResetFailedUnit", "s", [unit]);
  } catch (error) {
    if (!isRefusal(error, "NoSuchUnit")) throw error;
  }
}

const isRefusal = (error: unknown, name: string): boolean =>
  error instanceof RefusedError && error.errorName === `org.freedesktop.systemd1.${name}`;

const pairs = (properties: readonly Property[]): Value[] =>
  properties.map(({ name, type, value }) => [name, { type, value }]);
