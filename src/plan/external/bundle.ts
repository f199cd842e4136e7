/** The plan of a container that another OCI runtime makes: our host's side, and the bundle in place of our init. Pure. */

import { UnsupportedError } from "../../errors.ts";
import type { Machine } from "../../linux/seccomp/architectures.ts";
import type { Linux, Mount, Resources, Spec } from "../../oci/spec.ts";
import type { Host } from "../cgroup.ts";
import { defaultDevices } from "../default-mounts.ts";
import type { HostStep } from "../host-step.ts";
import { isPrepared, rootMountOf } from "../mounts.ts";
import {
  bundleOf,
  callFor,
  type ExternalPlan,
  type ExternalRuntime,
  mountedAt,
  type RuntimeCall,
  rootfsOf,
} from "../rare/external.ts";
import { builtinRules } from "../seccomp/at-run.ts";
import type { Plan } from "../step.ts";
import { planSysctls } from "../sysctl.ts";

/**
 * What our init would do, and what it alone can, the runtime does by the bundle: it runs the hooks and filters the devices.
 * @param plan of our own. @param directory of the container.
 */
export function planExternal(
  { hooks: _, ...plan }: Plan,
  spec: Spec,
  runtime: ExternalRuntime,
  directory: string,
  { cgroup2 }: Host,
): Plan {
  if (spec.linux.uidMappings)
    throw new UnsupportedError(
      `a user namespace of its own is not supported under --runtime ${runtime.name}: idmapped layers are our own`,
      "--userns host, or --runtime tinydocker",
    );
  const call = callFor(runtime, plan.id, directory);
  const bundle = bundleOf(directory);
  return {
    ...plan,
    prepare: plan.prepare.map((step) =>
      step.do === "lock-file" ? { ...step, cleanup: { ...step.cleanup, runtime: call } } : step,
    ),
    build: plan.build.filter(isOfOurs),
    release: plan.release.filter(isOfOurs),
    setup: [],
    start: [],
    external: planBundle(spec, call, bundle, cgroup2?.controllers ?? []),
  };
}

/** The runtime itself mounts with the label of the bundle (`linux.mountLabel`). */
const withoutContext = (mount: Mount): Mount => ({
  ...mount,
  ...(mount.options && { options: mount.options.filter((option) => !option.startsWith("context=")) }),
});

const machine: Machine = process.arch === "arm64" ? "AARCH64" : "X86_64";

const isOfOurs = ({ do: kind }: HostStep): boolean => kind !== "device-filter" && kind !== "attach-device-filter";

function planBundle(spec: Spec, runtime: RuntimeCall, bundle: string, controllers: string[]): ExternalPlan {
  const { bounding = [] } = spec.process.capabilities ?? {};
  const { seccomp, sysctl = {}, resources, devices, ...linux } = spec.linux;
  const rules = seccomp && "profile" in seccomp ? builtinRules(bounding, machine) : seccomp;
  const lateSysctls = planSysctls(spec, { late: true }).flatMap((step) => (step.do === "sysctl" ? [step] : []));
  const late = new Set(lateSysctls.map(({ name }) => name.replaceAll("/", ".")));
  const early = Object.entries(sysctl).filter(([name]) => !late.has(name.replaceAll("/", ".")));
  return {
    runtime,
    bundle,
    lateSysctls: lateSysctls.map(({ name, value }) => ({ name, value })),
    config: {
      ...spec,
      // Nothing in it is newer, and the crun of Debian 12 takes no other.
      ociVersion: "1.0.2",
      root: { ...spec.root, path: rootfsOf(bundle) },
      mounts: planBundleMounts(spec, bundle).map(withoutContext),
      linux: {
        ...linux,
        ...(rules && { seccomp: rules }),
        ...(early.length > 0 && { sysctl: Object.fromEntries(early) }),
        // Those of every container a runtime makes unasked.
        ...(devices && { devices: devices.filter(({ path }) => !defaultDevices.some((one) => one.path === path)) }),
        ...(resources && { resources: planEnforced(resources, controllers) }),
        rootfsPropagation: propagationOf(spec),
      },
    },
  };
}

/** What this host can't enforce is not asked of the runtime either: whether that is an error was decided (plan/container.ts). */
function planEnforced({ memory, cpu, pids, blockIO, ...rest }: Resources, controllers: string[]): Resources {
  const has = (name: string) => controllers.includes(name);
  const { cpus, mems, ...times } = cpu ?? {};
  const sets = has("cpuset") && { ...(cpus !== undefined && { cpus }), ...(mems !== undefined && { mems }) };
  const all = { ...(has("cpu") && times), ...sets };
  return {
    ...rest,
    ...(memory && has("memory") && { memory }),
    ...(Object.keys(all).length > 0 && { cpu: all }),
    ...(pids && has("pids") && { pids }),
    ...(blockIO && has("io") && { blockIO }),
  };
}

const propagation = /^r?(private|shared|slave|unbindable)$/;

/** As Docker's: what a bind mount is to pass on, or to be passed, its root must not stop. */
function propagationOf({ mounts }: Spec): NonNullable<Linux["rootfsPropagation"]> {
  const asked = mounts.flatMap(({ options = [] }) => options.filter((option) => propagation.test(option)));
  if (asked.some((option) => option.endsWith("shared"))) return "rshared";
  return asked.some((option) => option.endsWith("slave")) ? "rslave" : "rprivate";
}

/** Attributes of a mount in the words that all runtimes know. */
const attributes = new Set([
  ...["ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec"],
  ...["atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime"],
]);

/** What the host's side prepares is mounted for the runtime, by its number, as it is to be: it has only to be bound. */
function planBundleMounts(spec: Spec, bundle: string): Mount[] {
  const root = rootMountOf(spec);
  let number = 0;
  return spec.mounts
    .filter((mount) => mount !== root)
    .map((mount): Mount => {
      const { destination, type = "none", source = type, options = [] } = mount;
      // The name that the specification has for it, whichever its version.
      if (!isPrepared(mount, spec)) return { destination, type: type === "cgroup2" ? "cgroup" : type, source, options };
      return {
        destination,
        type: "bind",
        source: mountedAt(bundle, number++),
        options: [
          "rbind",
          ...options.filter((option) => attributes.has(option)),
          options.find((option) => propagation.test(option)) ?? "rprivate",
        ],
      };
    });
}
