/** How registries are asked, said for one command. */

import type { Arguments } from "./command.ts";

export const tlsArgs = {
  "tls-verify": {
    type: "boolean",
    default: true,
    description: "Check the registry's certificate; =false also allows plain http (default true)",
  },
} as const satisfies Arguments;
