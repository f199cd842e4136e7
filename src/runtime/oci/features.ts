/**
 * What this runtime can do, for engines that ask before they write a bundle.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/features.md
 */

import { attributeNames } from "../../linux/mount-attributes.ts";
import { capabilityNames } from "../../oci/capabilities.ts";
import { hookKinds } from "../../oci/rare.ts";
import { seccompActions, seccompArchitectures, seccompFlags, seccompOperators } from "../../oci/seccomp.ts";
import { ociVersion } from "../../oci/version.ts";
import { commit, version } from "../../version.ts";

const propagations = ["private", "shared", "slave", "unbindable"];

export function features() {
  const attributes = attributeNames();
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: ociVersion,
    hooks: hookKinds,
    mountOptions: [
      ...["bind", "rbind", "remount", "tmpcopyup", "idmap", "ridmap"],
      ...["defaults", "silent", "loud", "sync", "async", "dirsync", "lazytime", "nolazytime", "iversion", "noiversion"],
      ...attributes.flatMap((name) => [name, `r${name}`]),
      ...propagations.flatMap((name) => [name, `r${name}`]),
    ]
      .filter((name, index, all) => all.indexOf(name) === index)
      .sort(),
    linux: {
      namespaces: ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
      capabilities: capabilityNames,
      cgroup: { v1: false, v2: true, systemd: true, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: seccompActions,
        operators: seccompOperators,
        archs: seccompArchitectures.map((name) => `SCMP_ARCH_${name}`),
        knownFlags: seccompFlags,
        supportedFlags: seccompFlags,
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: { "io.github.tinydocker.version": version, "io.github.tinydocker.commit": commit },
  };
}
