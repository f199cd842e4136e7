/** The options that stand before a command's name. */

import { defaultRoot } from "../../paths.ts";
import type { Arguments } from "./command.ts";

export const globalArgs = {
  root: { type: "string", valueHint: "dir", description: `Where images and containers are kept (${defaultRoot})` },
  firewall: {
    type: "string",
    valueHint: "driver",
    description: "Which firewall networks use from now on: nft or iptables (what the kernel has)",
  },
  version: { type: "boolean", description: "Print the version" },
  help: { type: "boolean", description: "Print this help" },
} as const satisfies Arguments;
