/** Names of Go's fields beside those of JSON: Docker's templates take `{{.ID}}` as well as `{{.Id}}`. Pure. */

import type { Struct, Value } from "./value.ts";

/** The answer where a struct has no such field. */
export const noField = Symbol("no such field");

/** Where Docker's structs call a field otherwise than its JSON does. A struct that has a field of Go's name means that one. */
const jsonNames: Record<string, string> = {
  ID: "Id",
  APIVersion: "ApiVersion",
  AuxAddress: "AuxiliaryAddresses",
  CPUCfsPeriod: "CpuCfsPeriod",
  CPUCfsQuota: "CpuCfsQuota",
  CPUCount: "CpuCount",
  CPUPercent: "CpuPercent",
  CPUPeriod: "CpuPeriod",
  CPUQuota: "CpuQuota",
  CPURealtimePeriod: "CpuRealtimePeriod",
  CPURealtimeRuntime: "CpuRealtimeRuntime",
  CPUShares: "CpuShares",
  DNS: "Dns",
  DNSOptions: "DnsOptions",
  DNSSearch: "DnsSearch",
  HostIP: "HostIp",
  NanoCPUs: "NanoCpus",
  // Of descriptors and runtimes, whose JSON is written small.
  Annotations: "annotations",
  Architecture: "architecture",
  Args: "runtimeArgs",
  Digest: "digest",
  MediaType: "mediaType",
  OS: "os",
  Path: "path",
  Platform: "platform",
  Size: "size",
};

/**
 * Structs that Go has within others, and whose fields JSON has among the others': the name stands for the struct itself.
 * With a field that tells which it is.
 */
const embedded: Record<string, string> = {
  ContainerJSONBase: "HostConfig",
  DefaultNetworkSettings: "EndpointID",
  Info: "DockerRootDir",
  NetworkSettingsBase: "SandboxID",
  Resources: "CpuShares",
};

/** Text that JSON leaves out where it is empty. What else a struct has not is a pointer of Go's: nil. */
const texts = new Set(["Driver", "HealthcheckOnFailureAction", "Name", "OsVersion", "StopSignal", "Variant"]);

/** A field of a struct by either of its names. Only what is its own: "constructor" and "__proto__" are no fields. */
export function fieldOf(struct: Struct, name: string): Value {
  if (Object.hasOwn(struct, name)) return struct[name] ?? (texts.has(name) ? "" : null);
  const other = Object.hasOwn(jsonNames, name) ? jsonNames[name]! : undefined;
  if (other !== undefined && Object.hasOwn(struct, other)) return fieldOf(struct, other);
  return Object.hasOwn(embedded, name) && Object.hasOwn(struct, embedded[name]!) ? struct : noField;
}
