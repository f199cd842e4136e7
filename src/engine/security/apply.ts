/** What `--security-opt` comes to on this host. Loaded for those that ask. */

import { isCall } from "../../linux/seccomp/architectures.ts";
import { kernelVersion } from "../../linux/sysctl.ts";
import { seccompProfile } from "../../oci/bundle/seccomp.ts";
import { parseWithBits64, type Seccomp, type SeccompProfile } from "../../oci/seccomp.ts";
import type { Spec } from "../../oci/spec.ts";
import { resolveProfile } from "../../plan/seccomp/resolve.ts";
import { planSecurity } from "../../plan/security.ts";
import { type SecurityOptions, seccompWords } from "../../plan/security-options.ts";

/** The spec with what was asked for. @throws UnsupportedError if this host lacks it. */
export function applySecurityOptions(spec: Spec, options: SecurityOptions, warn: (text: string) => void): Spec {
  const { seccomp } = options;
  const own = seccomp === undefined || seccompWords.includes(seccomp) ? undefined : rulesOf(seccomp, spec, warn);
  const planned = planSecurity(spec, options, own);
  if (options.landlock === undefined) return planned;
  const { rulesOfLandlock } = require("./landlock.ts") as typeof import("./landlock.ts");
  const landlock = rulesOfLandlock(options.landlock, warn);
  return landlock ? { ...planned, linux: { ...planned.linux, landlock } } : planned;
}

function rulesOf(text: string, { process }: Spec, warn: (text: string) => void): Seccomp {
  const where = "the seccomp profile:";
  const profile = seccompProfile(parseWithBits64(text), where);
  warnOfUnknown(profile, warn);
  const facts = {
    capabilities: process.capabilities?.bounding ?? [],
    machine: globalThis.process.arch === "arm64" ? ("AARCH64" as const) : ("X86_64" as const),
    kernel: kernelVersion(),
  };
  return resolveProfile(profile, facts, where);
}

/** A name that no architecture has a call of: misspelt, or newer than the table. */
function warnOfUnknown({ syscalls = [] }: SeccompProfile, warn: (text: string) => void): void {
  const unknown = new Set(syscalls.flatMap(({ names }) => names).filter((name) => !isCall(name)));
  if (unknown.size > 0) warn(`the seccomp profile names calls that are not known: ${[...unknown].sort().join(", ")}`);
}
