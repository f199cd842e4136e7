/** The options that stand before a command's name. */

import { defaultRoot } from "../../paths.ts";
import type { Arguments } from "./command.ts";
import { refused } from "./refused.ts";

const noDaemon = "is not supported: there is no daemon to connect to, and tinydocker works on this machine";
const overThere = "on another machine: ssh HOST tinydocker ...";
const noConnection = "leave it out";

export const globalArgs = {
  root: {
    type: "string",
    empty: "checked",
    valueHint: "dir",
    description: `Directory of images, containers and volumes (${defaultRoot})`,
  },
  firewall: {
    type: "string",
    empty: "checked",
    valueHint: "driver",
    description: "Switch networks to this firewall: nft or iptables",
  },
  config: {
    type: "string",
    empty: "checked",
    valueHint: "file",
    description: "Configuration file (/etc/tinydocker/config.json)",
  },
  "log-level": {
    type: "string",
    alias: "l",
    valueHint: "level",
    description: "Messages on stderr: debug, info (the default), warn, error or fatal",
  },
  debug: { type: "boolean", alias: "D", description: "Say where in the source a failure comes from" },
  host: refused("string", noDaemon, overThere, { alias: "H" }),
  context: refused("string", noDaemon, overThere, { unless: ["", "default"] }),
  tls: refused("boolean", noDaemon, noConnection),
  tlsverify: refused("boolean", noDaemon, noConnection),
  tlscacert: refused("string", noDaemon, noConnection),
  tlscert: refused("string", noDaemon, noConnection),
  tlskey: refused("string", noDaemon, noConnection),
  version: { type: "boolean", alias: "v", description: "Print the version" },
  help: { type: "boolean", description: "Print this help" },
} as const satisfies Arguments;
