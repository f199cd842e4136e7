/** The plan of a bundle, as an OCI runtime has it: its config.json says all, and nothing is made on the host but a cgroup. Pure. */

import { UnsupportedError } from "../../errors.ts";
import type { DeviceRule } from "../../oci/rare.ts";
import type { Mount, Spec } from "../../oci/spec.ts";
import { type Host, lackOf, limitStep, type Setting } from "../cgroup.ts";
import { type DeviceFilterPlan, planDeviceFilter } from "../device-filter.ts";
import type { HostStep } from "../host-step.ts";
import { idMapsOf, namespaceOf, planClone, planOwner, planSetup, planStart, sharesPid } from "../init.ts";
import type { InitStep, StdioKind } from "../init-step.ts";
import { planPrepared, planRoot } from "../mounts.ts";
import type { Place } from "../rare/listener.ts";
import type { Plan } from "../step.ts";
import { planSysctls } from "../sysctl.ts";
import type { Scope } from "../systemd/scope.ts";
import { userOf } from "../user.ts";
import { type LastOptions, planLast } from "./last.ts";
import { core, planBundleLimits, withoutNoLimits } from "./limits.ts";
import { adaptMounts, adaptStep, checkTargets, isBind } from "./mounts.ts";

/** What the command line says of a container beside its bundle. */
export interface BundleOptions extends LastOptions, Place {
  /** The cgroup v2 directory that it is to be in; absent for that of whoever calls. */
  cgroup?: string;
  /** What its cgroup is made as, where systemd makes it. */
  scope?: Pick<Scope, "unit" | "properties">;
  /** Its caller wants it to have none. */
  withoutCgroup?: boolean;
  stdio: StdioKind[];
  /** It lives on without us. */
  outlives: boolean;
  /** It keeps the session keyring of whoever calls. */
  keepsKeyring?: boolean;
}

/** As a Plan, but what only the engine's containers have: a name, networks, files kept. */
export type BundlePlan = Pick<Plan, "build" | "clone" | "setup" | "release" | "start" | "warnings">;

const nothing: DeviceFilterPlan = { build: [], release: [], warnings: [] };

/** @throws UnsupportedError for a limit that this host can't enforce, or a cgroup that it is to have and can't. */
export function planBundle(config: Spec, options: BundleOptions, host: Host): BundlePlan {
  const { cgroup } = options;
  checkTargets(config);
  const { spec: inOurWords, warnings } = adaptMounts(config);
  // A caller that wants no cgroup wants none of what hangs on it.
  const devices = options.withoutCgroup ? nothing : planDeviceFilter(inOurWords, true, cgroup);
  const spec = {
    ...inOurWords,
    mounts: inOurWords.mounts.map((mount) => (isCgroup(mount) ? planCgroupMount(mount, config, options) : mount)),
  };
  const ids = idMapsOf(spec);
  const user = namespaceOf(spec, "user");
  return {
    build: [
      ...(cgroup === undefined ? [] : [{ ...planOwnCgroup(cgroup, options.scope), ...planOwner(spec) }]),
      ...devices.build,
      ...(ids ? [{ do: "user-namespace", ...(user?.path !== undefined && { path: user.path }), ...ids } as const] : []),
      planRoot(spec),
      planUser(spec),
      ...planPrepared(spec),
      ...(ids && spec.linux.maskedPaths?.length ? [{ do: "make-masks" } as const] : []),
      ...planNamespaceFiles(spec),
    ],
    clone: planClone(spec, cgroup),
    setup: planSetup(spec, options).flatMap((step) => adapted(adaptStep(step), spec, options)),
    release: [...devices.release, ...planLimits(spec, cgroup, host, options.scope)],
    start: [
      ...planSysctls(spec, { late: true }),
      ...planLast(planStart(spec, { ...options, reap: false }, sharesPid(spec)), spec, options),
    ],
    warnings: [...warnings, ...devices.warnings],
  };
}

/**
 * What a caller has set for its containers stays set: the score of oom_score_adj too, unless the bundle has one. A setting of
 * the kernel is asked for, also one that the engine's containers have where they can.
 */
function adapted(step: InitStep, { linux }: Spec, { keepsKeyring }: BundleOptions): InitStep[] {
  if (step.do === "session-keyring" && keepsKeyring) return [];
  // It can't be shared before: pivot_root(2).
  if (step.do === "pivot-root" && linux.rootfsPropagation)
    return [step, { do: "root-propagation", propagation: linux.rootfsPropagation }];
  if (step.do === "sysctl") return [{ do: step.do, name: step.name, value: step.value }];
  return step.do === "reset-attributes" ? [{ ...step, keepOomScoreAdj: true }] : [step];
}

type CgroupStep = Extract<HostStep, { do: "cgroup" | "scope" }>;

const planOwnCgroup = (path: string, scope: BundleOptions["scope"]): CgroupStep =>
  scope ? { do: "scope", ...scope, path } : { do: "cgroup", path, existing: true };

const planNamespaceFiles = ({ linux }: Spec): HostStep[] =>
  linux.namespaces.flatMap(({ type, path }): HostStep[] =>
    path === undefined || type === "user" ? [] : [{ do: "open-namespace", namespace: type, path }],
  );

/** HOME is what the passwd(5) says that the program will see: podman mounts one with a line for whoever it runs as. */
function planUser(spec: Spec): HostStep {
  const file = "/etc/passwd";
  const over = spec.mounts.findLast(({ destination }) => destination === file || destination === "/etc");
  const passwd = over?.source && isBind(over) && { source: over.source, path: file.slice(over.destination.length) };
  return { do: "user", user: userOf(spec), ...(passwd && { passwd }) };
}

const isCgroup = ({ type }: Mount): boolean => type === "cgroup" || type === "cgroup2";

const ofMount = /^(ro|rw|r?(no)?(suid|dev|exec|atime|diratime)|relatime|strictatime|nosymfollow)$/;

/**
 * "cgroup" is the name of version 1, by which specs ask for whatever there is. With a cgroup namespace a new mount shows the
 * container's own cgroup and what is below; without one it would show the host's root: then its own is bound there.
 */
function planCgroupMount(mount: Mount, { linux }: Spec, { cgroup }: BundleOptions): Mount {
  const options = (mount.options ?? []).filter((option) => ofMount.test(option));
  if (cgroup === undefined || linux.namespaces.some(({ type }) => type === "cgroup"))
    return { ...mount, type: "cgroup2", source: "cgroup", options };
  return { ...mount, type: "bind", source: cgroup, options: ["bind", ...options] };
}

/** Limits are the caller's: each that can't be set is an error. */
function planLimits(
  { linux }: Spec,
  cgroup: string | undefined,
  host: Host,
  scope: BundleOptions["scope"],
): HostStep[] {
  const settings = withoutNoLimits(planBundleLimits(linux.resources ?? {}), host.cgroup2?.controllers);
  const unit = scope ? planScopeLimits(scope.unit, settings, linux.resources?.devices ?? []) : [];
  if (settings.length === 0) return unit;
  const controllers = [...new Set(settings.map(({ controller }) => controller))].filter((name) => name !== core);
  const lacking = controllers.filter((name) => !host.cgroup2?.controllers.includes(name));
  if (lacking.length > 0) throw new UnsupportedError(...lackOf(lacking, host));
  if (cgroup === undefined)
    throw new UnsupportedError(`cannot limit ${controllers.join(", ")}: the container is to have no cgroup of its own`);
  return [...unit, { do: "delegate", cgroup, controllers }, ...settings.map((setting) => limitStep(cgroup, setting))];
}

/** Loaded for those whose cgroup systemd makes. */
function planScopeLimits(unit: string, settings: Setting[], devices: DeviceRule[]): HostStep[] {
  const { scopeProperties } = require("./scope.ts") as typeof import("./scope.ts");
  return [{ do: "scope-limits", unit, properties: scopeProperties(settings, devices) }];
}
