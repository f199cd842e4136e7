/** The options of `run` and `create` that are about the process, its limits and its namespaces. */

import type { Arguments } from "../words/command.ts";

export const processArgs = {
  "shm-size": {
    group: "Resources",
    type: "string",
    valueHint: "size",
    description: "Size of /dev/shm; 0 is unlimited (the memory limit)",
  },
  ulimit: {
    group: "Resources",
    type: "string",
    multiple: true,
    valueHint: "name=soft[:hard]",
    description: "Limit of each process, as in nofile=1024:4096; -1 is unlimited",
  },
  "oom-score-adj": {
    group: "Resources",
    type: "string",
    valueHint: "n",
    description: "How soon the kernel kills it when memory runs out: -1000 to 1000",
  },
  sysctl: {
    group: "Process",
    type: "string",
    multiple: true,
    valueHint: "name=value",
    description: "Kernel setting of the container's own namespaces",
  },
  "group-add": {
    group: "Process",
    type: "string",
    multiple: true,
    valueHint: "group",
    description: "Another group of its user, by name or number",
  },
  umask: { group: "Process", type: "string", valueHint: "mask", description: "Its umask (0022)" },
  tz: {
    group: "Process",
    type: "string",
    valueHint: "zone",
    description: "Its time zone: local is the host's, or a name such as Europe/Berlin",
  },
  unsetenv: {
    group: "Process",
    type: "string",
    multiple: true,
    valueHint: "name",
    description: "Leave out a variable of the image",
  },
  "unsetenv-all": { group: "Process", type: "boolean", description: "Leave out every variable of the image" },
  pid: {
    group: "Process",
    type: "string",
    valueHint: "namespace",
    description: "Whose processes it sees: its own (the default), host, or container:NAME",
  },
  ipc: {
    group: "Process",
    type: "string",
    valueHint: "namespace",
    description: "Whose shared memory it uses: private (the default), shareable, none, host, container:NAME",
  },
  uts: { group: "Process", type: "string", valueHint: "namespace", description: "host: it has the host's host name" },
  cgroupns: {
    group: "Process",
    type: "string",
    valueHint: "private|host",
    description: "Whether it sees its own cgroup as the root (private, the default)",
  },
  domainname: { group: "Network", type: "string", valueHint: "name", description: "Domain of its host name" },
  annotation: {
    group: "General",
    type: "string",
    multiple: true,
    valueHint: "key=value",
    description: "Set an annotation, for programs that read the container's OCI configuration",
  },
} as const satisfies Arguments;

/** The options of `run` and `create` that are about the time it has, and who sees what it says. */
export const attachArgs = {
  attach: {
    group: "General",
    type: "string",
    alias: "a",
    multiple: true,
    valueHint: "stdin|stdout|stderr",
    description: "Attach only to these streams (all)",
  },
  timeout: {
    group: "Lifecycle",
    type: "string",
    valueHint: "seconds",
    description: "Kill the container when it has run this long; 0 is never",
  },
} as const satisfies Arguments;

/** Options that are known and not there: each is refused by its name, with a reason. Help does not list them. */
export const refusedArgs = {
  "security-opt": { group: "Security", type: "string", multiple: true, hidden: true, description: "Not supported yet" },
  userns: { group: "Security", type: "string", hidden: true, description: "Not supported yet" },
  runtime: { group: "General", type: "string", hidden: true, description: "Not supported yet" },
  "env-host": { group: "Process", type: "boolean", hidden: true, description: "Not supported" },
} as const satisfies Arguments;
