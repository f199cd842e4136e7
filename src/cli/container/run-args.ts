/** The options of `run`, `create` and rootfs mode. */

import { defaultLimits } from "../../plan/options.ts";
import { resourceArgs } from "../resource/args.ts";
import type { Arguments } from "../words/command.ts";
import { lifeArgs } from "./life-args.ts";
import { networkArgs } from "./network-args.ts";
import { attachArgs, processArgs, refusedArgs, refusedLimitArgs, runtimeArgs, usernsArgs } from "./process-args.ts";
import { securityArgs } from "./security-args.ts";

/** The limits and the name that `run` and rootfs mode share. */
export const commonArgs = {
  hostname: {
    group: "Network",
    type: "string",
    alias: "h",
    valueHint: "name",
    description: "Host name of the container (the short id)",
  },
  cpus: {
    group: "Resources",
    type: "string",
    empty: "checked",
    alias: "c",
    valueHint: "n",
    description: "Number of CPUs, fractions allowed; 0 is unlimited (0)",
  },
  memory: {
    group: "Resources",
    type: "string",
    empty: "checked",
    alias: "m",
    valueHint: "size",
    description: "Memory limit in MB, or with a unit b, k, m, g; 0 is unlimited (0)",
  },
} as const satisfies Arguments;

/** The options of `create`, which `run` has too. */
export const createArgs = {
  image: {
    type: "positional",
    required: true,
    description: "Image name or id, a tar, an OCI layout, or a root directory",
  },
  command: { type: "positional", multiple: true, description: "Command to run instead of the image's" },
  ...commonArgs,
  volume: {
    group: "Storage",
    type: "string",
    alias: "v",
    multiple: true,
    valueHint: "source:container[:ro]",
    description: "Mount a volume, or a file or directory of the host; options: ro, rw, nocopy, U, me, rslave...",
  },
  mount: {
    group: "Storage",
    type: "string",
    multiple: true,
    valueHint: "type=bind,...",
    description: "Mount, as key=value pairs: type=volume (the default), bind, tmpfs or image",
  },
  "volumes-from": {
    group: "Storage",
    type: "string",
    multiple: true,
    valueHint: "container[:ro]",
    description: "Mount the volumes and bind mounts of another container",
  },
  tmpfs: {
    group: "Storage",
    type: "string",
    multiple: true,
    valueHint: "path[:options]",
    description: "Mount a tmpfs; options: size=, mode=, uid=, gid=, exec, suid, dev, ro...",
  },
  "volume-driver": {
    group: "Storage",
    type: "string",
    valueHint: "driver",
    description: "Driver of the volumes of --volume: local, the only one there is",
  },
  env: {
    group: "Process",
    type: "string",
    alias: "e",
    multiple: true,
    valueHint: "name=value",
    description: "Set an environment variable; without a value, pass the caller's",
  },
  "env-file": {
    group: "Process",
    type: "string",
    multiple: true,
    valueHint: "file",
    description: "Read environment variables from a file",
  },
  workdir: {
    group: "Process",
    type: "string",
    alias: "w",
    valueHint: "dir",
    description: "Working directory (the image's)",
  },
  user: {
    group: "Process",
    type: "string",
    alias: "u",
    valueHint: "user[:group]",
    description: "User to run as, by name or number (the image's)",
  },
  interactive: {
    group: "General",
    type: "boolean",
    alias: "i",
    description: "Keep stdin open (default true); =false connects /dev/null",
  },
  tty: {
    group: "General",
    type: "boolean",
    alias: "t",
    description: "Allocate a terminal (the default when run from one)",
  },
  name: { group: "General", type: "string", valueHint: "name", description: "Name of the container" },
  label: {
    group: "General",
    type: "string",
    alias: "l",
    multiple: true,
    valueHint: "key=value",
    description: "Set a label",
  },
  "label-file": {
    group: "General",
    type: "string",
    multiple: true,
    valueHint: "file",
    description: "Read labels from a file",
  },
  ...lifeArgs,
  pull: {
    group: "General",
    type: "string",
    valueHint: "when",
    description: "Pull the image: always, missing (the default), newer or never",
  },
  quiet: { group: "General", type: "boolean", alias: "q", description: "Do not show how an image is pulled or loaded" },
  platform: {
    group: "General",
    type: "string",
    valueHint: "os/arch",
    description: "Refuse an image for another platform, as in linux/amd64 or linux/arm/v7",
  },
  replace: { group: "General", type: "boolean", description: "Remove an existing container with this --name first" },
  entrypoint: {
    group: "Process",
    type: "string",
    empty: "checked",
    valueHint: "program",
    description: "Program to run instead of the image's entrypoint; '' is none",
  },
  "read-only": { group: "Security", type: "boolean", description: "Mount the root file system read-only" },
  "pids-limit": {
    group: "Resources",
    type: "string",
    empty: "checked",
    valueHint: "n",
    description: `Maximum number of processes; 0 is unlimited (${defaultLimits.pidsLimit})`,
  },
  ...resourceArgs,
  ...networkArgs,
  ...processArgs,
  ...usernsArgs,
  ...attachArgs,
  ...runtimeArgs,
  ...refusedArgs,
  ...securityArgs,
  ...refusedLimitArgs,
  init: {
    group: "Process",
    type: "boolean",
    description: "Run a small init as process 1 that forwards signals and reaps",
  },
  cidfile: { group: "General", type: "string", valueHint: "file", description: "Write the container id to this file" },
  privileged: {
    group: "Security",
    type: "boolean",
    description: "Grant all capabilities and devices, mask nothing: no isolation from the host",
  },
  "cap-add": {
    group: "Security",
    type: "string",
    multiple: true,
    valueHint: "capability",
    description: "Add a capability, or ALL",
  },
  "cap-drop": {
    group: "Security",
    type: "string",
    multiple: true,
    valueHint: "capability",
    description: "Drop a capability, or ALL",
  },
  secret: {
    group: "Security",
    type: "string",
    multiple: true,
    valueHint: "name[,option...]",
    description: "Show a secret in /run/secrets; options target=, uid=, gid=, mode=, or type=env",
  },
} as const satisfies Arguments;

/** The options of `run`, which `explain run` has too. */
export const runArgs = {
  ...createArgs,
  rmi: { group: "Lifecycle", type: "boolean", description: "As --rm, and remove the image unless it is in use" },
  detach: {
    group: "General",
    type: "boolean",
    alias: "d",
    description: "Run in the background and print the container id",
  },
  "detach-keys": {
    group: "General",
    type: "string",
    empty: "checked",
    valueHint: "keys",
    description: "Key sequence that detaches from the container (ctrl-p,ctrl-q)",
  },
  "sig-proxy": {
    group: "General",
    type: "boolean",
    description: "Forward signals to the container (default true)",
  },
  report: {
    group: "General",
    type: "boolean",
    description: "Report time, CPU, memory and I/O of the run on stderr",
  },
  "report-format": {
    group: "General",
    type: "string",
    valueHint: "text|json",
    description: "Format of --report (text)",
  },
} as const satisfies Arguments;
