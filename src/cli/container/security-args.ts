/** The options of `run` and `create` about what a container may do beyond its capabilities. */

import type { Arguments } from "../words/command.ts";

export const securityArgs = {
  "security-opt": {
    group: "Security",
    type: "string",
    multiple: true,
    valueHint: "option",
    description:
      "seccomp=FILE|unconfined|builtin, landlock=FILE, no-new-privileges, apparmor=PROFILE|unconfined, label=disable|nested, label=user|role|type|level|filetype:VALUE, systempaths=unconfined, mask=PATH, unmask=PATH|ALL",
  },
  "read-only-tmpfs": {
    group: "Security",
    type: "boolean",
    description: "With --read-only: a writable tmpfs on /run, /tmp and /var/tmp",
  },
} as const satisfies Arguments;
