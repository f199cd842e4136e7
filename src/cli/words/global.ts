/** The options that stand before a command's name. */

import { defaultRoot } from "../../paths.ts";
import type { Arguments } from "./command.ts";

export const globalArgs = {
  root: {
    type: "string",
    valueHint: "dir",
    description: `Directory of images, containers and volumes (${defaultRoot})`,
  },
  firewall: {
    type: "string",
    valueHint: "driver",
    description: "Switch networks to this firewall: nft or iptables",
  },
  config: {
    type: "string",
    valueHint: "file",
    description: "Configuration file (/etc/tinydocker/config.json)",
  },
  version: { type: "boolean", description: "Print the version" },
  help: { type: "boolean", description: "Print this help" },
} as const satisfies Arguments;
