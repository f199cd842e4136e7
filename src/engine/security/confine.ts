/** What holds a container beside its namespaces: what was asked for, and what this host's kernel has for all. Loaded where there is any. */

import type { Spec } from "../../oci/spec.ts";
import type { Container } from "../../plan/container.ts";
import type { ContainerRecord } from "../record/container.ts";
import { confinementOf } from "./apparmor.ts";

/** Of the host's side: what the kernel has to have before the container's process is made. */
export type Guards = Pick<Container, "load">;

/** @throws UnsupportedError for what was asked for, and this host lacks. */
export function confine(
  spec: Spec,
  { options: { security, privileged }, selinux }: ContainerRecord,
  host: { appArmor: boolean; volumes: string },
  warn: (text: string) => void,
): { spec: Spec; guards: Guards } {
  const own = security ? options().applySecurityOptions(spec, security, warn) : spec;
  const asked = selinux
    ? labels().withLabels(own, selinux, security?.labels?.includes("nested") ?? false, host.volumes)
    : own;
  if (!host.appArmor && security?.apparmor === undefined) return { spec: asked, guards: {} };
  const { profile, load } = confinementOf(security?.apparmor, privileged);
  return {
    spec: profile === undefined ? asked : { ...asked, process: { ...asked.process, apparmorProfile: profile } },
    guards: load ? { load } : {},
  };
}

/** Loaded for those that have some. */
const options = () => require("./apply.ts") as typeof import("./apply.ts");

/** Loaded where SELinux is on. */
const labels = () => require("../../plan/rare/selinux.ts") as typeof import("../../plan/rare/selinux.ts");
