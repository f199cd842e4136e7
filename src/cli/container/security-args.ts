/** The options of `run` and `create` about what a container may do beyond its capabilities. */

import type { Arguments } from "../words/command.ts";

export const securityArgs = {
  "security-opt": {
    group: "Security",
    type: "string",
    multiple: true,
    valueHint: "option",
    description:
      "seccomp=FILE|unconfined|builtin, no-new-privileges, apparmor=PROFILE|unconfined, label=disable, systempaths=unconfined, mask=PATH, unmask=PATH|ALL",
  },
} as const satisfies Arguments;
