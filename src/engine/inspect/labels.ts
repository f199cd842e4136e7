/** What the kernel's security modules hold a container to: its profile of AppArmor and its labels of SELinux, as its last start had them. */

import { DamagedError, NotFoundError } from "../../errors.ts";
import type { Spec } from "../../oci/spec.ts";
import type { Paths } from "../../paths.ts";
import { readSpec } from "../record/bundle.ts";
import type { ContainerRecord } from "../record/container.ts";

export interface Labels {
  appArmor: string;
  process: string;
  mount: string;
}

export function labelsOf(paths: Paths, record: ContainerRecord): Labels {
  const asked = record.options.security?.apparmor;
  const spec = specIfWhole(paths, record);
  const { process = "", mount = "" } = record.selinux ?? {};
  return { appArmor: asked ?? spec?.process.apparmorProfile ?? "", process, mount };
}

function specIfWhole(paths: Paths, record: ContainerRecord): Spec | undefined {
  try {
    return readSpec(paths, record);
  } catch (error) {
    if (!(error instanceof DamagedError || error instanceof NotFoundError)) throw error;
    return undefined;
  }
}
