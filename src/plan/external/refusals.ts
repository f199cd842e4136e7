/** What only our own runtime can do, by the names under which it is asked for. Pure. */

import { UnsupportedError } from "../../errors.ts";
import type { RunOptions } from "../options.ts";
import type { UserNamespaceRequest } from "../userns/spec.ts";

/** What was asked for, as far as it matters. */
interface Asked {
  options: Pick<RunOptions, "process" | "secrets" | "security">;
  settings: { init: boolean };
  /** What config.json says of all may not count for this one, which is seen later (bundle.ts). */
  userns?: Pick<UserNamespaceRequest, "byDefault" | "kind" | "mode">;
}

/** @param name of the runtime. @throws UnsupportedError that names the option; nothing is made by then. */
export function refuseUnder(name: string, { options, settings, userns }: Asked): void {
  const refuse = (what: string, why: string, hint = "--runtime tinydocker") => {
    throw new UnsupportedError(`${what} is not supported under --runtime ${name}: ${why}`, hint);
  };
  if (settings.init) refuse("--init", "the small init is part of tinydocker's own runtime");
  if (userns && !userns.byDefault && userns.kind !== "host")
    refuse(`--userns ${userns.mode}`, "idmapped layers are our own");
  if (options.process?.domainname !== undefined)
    refuse("--domainname", "not all of them know it, and those that do not ignore it");
  if (options.security?.landlock !== undefined)
    refuse("--security-opt landlock", "rules of Landlock are no part of the specification");
  if (options.secrets?.some(({ type }) => type === "env"))
    refuse("--secret type=env", "it would keep the secret in its state", "type=mount");
}
