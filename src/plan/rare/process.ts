/** What few ask for a container's process to be, as steps. Pure. */

import type { Hooks, RareProcess } from "../../oci/rare.ts";
import type { Linux } from "../../oci/spec.ts";
import type { RareStep } from "./step.ts";

/** While /proc is the host's: it holds from execve on. */
export function planLabels({ apparmorProfile, selinuxLabel }: RareProcess): RareStep[] {
  return [
    ...(apparmorProfile ? [{ do: "security-label", of: "AppArmor", label: apparmorProfile } as const] : []),
    ...(selinuxLabel ? [{ do: "security-label", of: "SELinux", label: selinuxLabel } as const] : []),
  ];
}

/** While there is the privilege to. */
export function planRareProcess(
  { scheduler, ioPriority }: RareProcess,
  { personality, memoryPolicy }: Pick<Linux, "personality" | "memoryPolicy">,
): RareStep[] {
  return [
    ...(scheduler ? [{ do: "scheduler", scheduler } as const] : []),
    ...(ioPriority ? [{ do: "io-priority", priority: ioPriority } as const] : []),
    ...(memoryPolicy ? [{ do: "memory-policy", policy: memoryPolicy } as const] : []),
    ...(personality ? [{ do: "personality", domain: personality.domain } as const] : []),
  ];
}

/** Hooks that run while its first process waits for them. */
export function planHooks(hooks: Hooks): { do: "await-hooks"; hooks: string[] }[] {
  const kinds = ["prestart", "createRuntime", "createContainer"] as const;
  const programs = kinds.flatMap((kind) =>
    (hooks[kind] ?? []).map(({ path, args }) => [`${kind}:`, path, ...(args ?? []).slice(1)].join(" ")),
  );
  return programs.length > 0 ? [{ do: "await-hooks", hooks: programs }] : [];
}
