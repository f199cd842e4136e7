/** The options of the OCI runtime that stand before the name of a command. */

import type { Arguments } from "../words/command.ts";

/** Where the states of containers are, unless --root says otherwise. */
const defaultRoot = "/run/tinydocker-runtime";

/** What stands before the command's name: the options of runc and of crun. */
export const globalArgs = {
  root: {
    type: "string",
    valueHint: "DIR",
    default: defaultRoot,
    description: "Where the states of containers are kept",
  },
  log: { type: "string", valueHint: "FILE", description: "Write errors to this file, too" },
  "log-format": {
    type: "string",
    valueHint: "text|json",
    default: "text",
    description: "How errors are written to the log",
  },
  debug: { type: "boolean", description: "Write to the log what is done" },
  "systemd-cgroup": { type: "boolean", description: "Let systemd make the cgroups: --cgroup-manager systemd" },
  "cgroup-manager": {
    type: "string",
    valueHint: "cgroupfs|systemd|disabled",
    description: "Who makes the cgroups (cgroupfs: we do); disabled: nobody",
  },
  rootless: { type: "string", valueHint: "auto|false", description: "Root is needed: only auto and false are taken" },
  version: { type: "boolean", alias: "v", description: "Print the version" },
  help: { type: "boolean", alias: "h", description: "Print this text" },
  command: { type: "positional", multiple: true, description: "The command and its words" },
} as const satisfies Arguments;
