/** What fields of a config.json ask of each other; and those that tinydocker refuses, each by its name. Pure. */

import type { Capabilities, Linux, NamespaceType, Resources, Spec } from "../spec.ts";
import { checkProcess, isCapability } from "./check-process.ts";
import { invalid, unsupported } from "./refuse.ts";

/** @returns warnings. @throws InvalidError, UnsupportedError */
export function checkSpec(spec: Spec): string[] {
  checkProcess(spec.process);
  checkNamespaces(spec);
  checkDevices(spec.linux);
  checkMounts(spec);
  checkSysctls(spec.linux);
  checkLinux(spec.linux);
  if (spec.linux.resources) checkResources(spec.linux.resources);
  return [...unknownCapabilities(spec.process.capabilities), ...withoutEffect(spec)];
}

function checkNamespaces({ hostname, domainname, linux }: Spec): void {
  const { namespaces, uidMappings, gidMappings, timeOffsets } = linux;
  const has = (type: NamespaceType) => namespaces.some((namespace) => namespace.type === type);
  namespaces.forEach(({ type }, index) => {
    if (namespaces.findIndex((other) => other.type === type) !== index)
      invalid(`linux.namespaces[${index}]`, `there are two of type ${type}`);
  });
  if (!has("mount"))
    unsupported("linux.namespaces", "there is none of type mount, and the container's mounts would be the host's");
  const ofUts = { hostname, domainname };
  for (const [name, value] of Object.entries(ofUts))
    if (value && !has("uts")) invalid(name, "it would be the host's: there is no namespace of type uts");
  const user = namespaces.find(({ type }) => type === "user");
  const mapped = { uidMappings, gidMappings };
  for (const [name, value] of Object.entries(mapped)) {
    if (value?.length && !user) invalid(`linux.${name}`, "there is no namespace of type user");
  }
  if (user && !user.path && !(uidMappings?.length && gidMappings?.length))
    invalid("linux.namespaces", "one of type user needs linux.uidMappings and linux.gidMappings");
  const time = namespaces.find(({ type }) => type === "time");
  for (const clock of Object.keys(timeOffsets ?? {})) {
    const where = `linux.timeOffsets[${JSON.stringify(clock)}]`;
    if (clock !== "monotonic" && clock !== "boottime") invalid(where, "the clocks are monotonic and boottime");
    if (!time) invalid(where, "there is no namespace of type time");
    if (time?.path) invalid(where, "the clocks of a namespace that exists already can't be set");
  }
}

function checkDevices({ devices = [], namespaces, netDevices = {} }: Linux): void {
  devices.forEach(({ type, major, minor }, index) => {
    if (type !== "p" && (major < 0 || minor < 0))
      invalid(`linux.devices[${index}]`, "major and minor must be there, unless its type is p");
  });
  if (Object.keys(netDevices).length === 0) return;
  if (!namespaces.some(({ type }) => type === "network"))
    invalid("linux.netDevices", "there is no namespace of type network");
  const names = new Set<string>();
  for (const [device, { name = device }] of Object.entries(netDevices)) {
    const where = `linux.netDevices[${JSON.stringify(device)}]`;
    for (const one of [device, name])
      if (!/^[^\s/:]{1,15}$/.test(one) || one === "." || one === "..")
        invalid(where, `${JSON.stringify(one)} is not a name of a network device`);
    if (names.has(name)) invalid(where, `there would be two named ${name}`);
    names.add(name);
  }
}

function checkMounts({ mounts }: Spec): void {
  mounts.forEach(({ destination, type, uidMappings, gidMappings }, index) => {
    const where = `mounts[${index}]`;
    const clean = destination.split("/").filter((part) => part !== "" && part !== ".");
    if (clean.length === 0 && type !== "overlay")
      unsupported(`${where}.destination`, "only an overlay can be mounted on /");
    if ((uidMappings === undefined) !== (gidMappings === undefined))
      invalid(where, "of uidMappings and gidMappings there are both or none");
  });
}

function checkLinux({ intelRdt, personality, memoryPolicy }: Linux): void {
  if (intelRdt) unsupported("linux.intelRdt", "tinydocker does not divide caches and memory bandwidth");
  const [flag] = personality?.flags ?? [];
  if (flag !== undefined) invalid("linux.personality.flags", `${flag}: the specification knows no flags`);
  const needsNodes = ["MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"];
  if (memoryPolicy && needsNodes.includes(memoryPolicy.mode) && !memoryPolicy.nodes)
    invalid("linux.memoryPolicy.nodes", `${memoryPolicy.mode} needs some`);
  if (memoryPolicy?.nodes && ["MPOL_DEFAULT", "MPOL_LOCAL"].includes(memoryPolicy.mode))
    invalid("linux.memoryPolicy.nodes", `${memoryPolicy.mode} takes none`);
}

/** Which namespace a setting of the kernel belongs to; `.` and `/` are one. */
const sysctls: [pattern: RegExp, namespace: NamespaceType][] = [
  [/^net\//, "network"],
  [/^kernel\/(msg\w*|sem|sem_next_id|shm\w*)$/, "ipc"],
  [/^fs\/mqueue\//, "ipc"],
  [/^kernel\/(domainname|hostname)$/, "uts"],
  [/^user\//, "user"],
];

function checkSysctls({ sysctl = {}, namespaces }: Linux): void {
  for (const name of Object.keys(sysctl)) {
    const where = `linux.sysctl[${JSON.stringify(name)}]`;
    const path = name.replaceAll(".", "/");
    const namespace = sysctls.find(([pattern]) => pattern.test(path))?.[1];
    // Whichever sign comes first separates, and the other stands for a dot in a name.
    const separator = /[./]/.exec(name)?.[0] ?? ".";
    const parts = name.split(separator).map((part) => part.replaceAll("/", "."));
    if (parts.some((part) => /^\.{0,2}$/.test(part))) invalid(where, "it is not the name of a setting");
    if (!namespace) invalid(where, "it is not a setting of a namespace: it would change the whole host");
    if (path === "kernel/hostname") invalid(where, "it is what hostname sets");
    if (!namespaces.some(({ type }) => type === namespace))
      invalid(where, `it would change the host: there is no namespace of type ${namespace}`);
  }
}

/** 0, which Go's encoders write, is none. */
const isWeight = (weight: number): boolean => weight >= 10 && weight <= 1000;

const v1 = "cgroup v2 has no such thing";

export function checkResources({ network, memory, cpu, rdma = {}, blockIO, unified = {} }: Resources): void {
  if (network?.classID) unsupported("linux.resources.network.classID", v1);
  if (network?.priorities?.length) unsupported("linux.resources.network.priorities", v1);
  // Without the limit of all memory, that of the kernel's alone never had much to say; 0 and -1 are none.
  for (const name of ["kernel", "kernelTCP"] as const)
    if ((memory?.[name] ?? 0) > 0) unsupported(`linux.resources.memory.${name}`, `${v1}: memory.limit has it`);
  if (memory?.swappiness) unsupported("linux.resources.memory.swappiness", v1);
  if (memory?.disableOOMKiller) unsupported("linux.resources.memory.disableOOMKiller", v1);
  if (memory?.useHierarchy === false)
    unsupported("linux.resources.memory.useHierarchy", "with cgroup v2 a limit is always of all that is below, too");
  for (const name of ["realtimeRuntime", "realtimePeriod"] as const)
    if (cpu?.[name]) unsupported(`linux.resources.cpu.${name}`, v1);
  const { burst, quota } = cpu ?? {};
  if (burst !== undefined && quota !== undefined && quota > 0 && burst > quota)
    invalid("linux.resources.cpu.burst", `${burst} is more than the quota, ${quota}`);
  if (blockIO?.leafWeight) unsupported("linux.resources.blockIO.leafWeight", v1);
  if (blockIO?.weight && !isWeight(blockIO.weight))
    invalid("linux.resources.blockIO.weight", `${blockIO.weight} is not 10 to 1000`);
  blockIO?.weightDevice?.forEach(({ weight, leafWeight }, index) => {
    const where = `linux.resources.blockIO.weightDevice[${index}]`;
    if (leafWeight) unsupported(`${where}.leafWeight`, v1);
    if (!weight || !isWeight(weight)) invalid(where, "there must be a weight from 10 to 1000");
  });
  for (const [device, { hcaHandles, hcaObjects }] of Object.entries(rdma))
    if (hcaHandles === undefined && hcaObjects === undefined)
      invalid(`linux.resources.rdma[${JSON.stringify(device)}]`, "there must be hcaHandles or hcaObjects");
  for (const file of Object.keys(unified))
    if (!/^[a-z][a-z_]*(\.[A-Za-z0-9_-]+)+$/.test(file))
      invalid("linux.resources.unified", `${JSON.stringify(file)} is not a file of a cgroup`);
}

/** "Any value which cannot be mapped to a relevant kernel interface [...] MUST be logged as a warning by the runtime." */
function unknownCapabilities(capabilities: Capabilities | undefined): string[] {
  return Object.entries(capabilities ?? {}).flatMap(([set, names]: [string, string[]]) =>
    names
      .filter((name) => !isCapability(name))
      .map((name) => `config.json: process.capabilities.${set}: there is no capability ${JSON.stringify(name)}`),
  );
}

function withoutEffect({ mounts, linux: { resources } }: Spec): string[] {
  const relative = mounts.filter(({ destination }) => !destination.startsWith("/"));
  return [
    ...relative.map(
      ({ destination }) => `config.json: mounts: ${JSON.stringify(destination)} is not absolute: taken from /`,
    ),
    ...(resources?.memory?.swappiness === 0 ? [`config.json: linux.resources.memory.swappiness: ${v1}`] : []),
  ];
}
