/** The options of `run` and `create` that are about the process, its limits and its namespaces. */

import type { Arguments } from "../words/command.ts";

export const processArgs = {
  "shm-size": {
    group: "Resources",
    type: "string",
    valueHint: "size",
    description: "Size of /dev/shm; 0 is unlimited (the memory limit, or half of the host's memory)",
  },
  ulimit: {
    group: "Resources",
    type: "string",
    multiple: true,
    valueHint: "name=soft[:hard]",
    description: "Limit of each process, such as nofile=1024:4096; -1 is unlimited",
  },
  "oom-score-adj": {
    group: "Resources",
    type: "string",
    valueHint: "n",
    description: "How soon the kernel kills the container when memory runs out: -1000 to 1000",
  },
  sysctl: {
    group: "Process",
    type: "string",
    multiple: true,
    valueHint: "name=value",
    description: "Set a kernel parameter of the container's own namespaces",
  },
  "group-add": {
    group: "Process",
    type: "string",
    multiple: true,
    valueHint: "group",
    description: "Additional group of the user, by name or number",
  },
  umask: { group: "Process", type: "string", valueHint: "mask", description: "Umask of the program (0022)" },
  tz: {
    group: "Process",
    type: "string",
    valueHint: "zone",
    description: "Time zone: a name such as Europe/Berlin, or local for the host's",
  },
  unsetenv: {
    group: "Process",
    type: "string",
    multiple: true,
    valueHint: "name",
    description: "Unset an environment variable of the image",
  },
  "unsetenv-all": { group: "Process", type: "boolean", description: "Unset all environment variables of the image" },
  pid: {
    group: "Process",
    type: "string",
    valueHint: "namespace",
    description: "PID namespace: private (the default), host, or container:NAME",
  },
  ipc: {
    group: "Process",
    type: "string",
    valueHint: "namespace",
    description: "IPC namespace: private (the default), shareable, none, host, or container:NAME",
  },
  uts: {
    group: "Process",
    type: "string",
    valueHint: "namespace",
    description: "UTS namespace: private (the default), or host to use the host's name",
  },
  cgroupns: {
    group: "Process",
    type: "string",
    valueHint: "private|host",
    description: "Cgroup namespace: private (the default), or host to see the whole hierarchy",
  },
  domainname: {
    group: "Network",
    type: "string",
    valueHint: "name",
    description: "NIS domain name, and the domain of the host name in /etc/hosts",
  },
  annotation: {
    group: "General",
    type: "string",
    multiple: true,
    valueHint: "key=value",
    description: "Set an annotation in the OCI configuration",
  },
} as const satisfies Arguments;

/** The options of `run` and `create` that are about the time it has, and who sees what it says. */
export const attachArgs = {
  attach: {
    group: "General",
    type: "string",
    alias: "a",
    multiple: true,
    valueHint: "stream",
    description: "Attach to this stream only: stdin, stdout or stderr (all)",
  },
  timeout: {
    group: "Lifecycle",
    type: "string",
    valueHint: "seconds",
    description: "Kill the container after this time; 0 is never",
  },
} as const satisfies Arguments;

/** Options that are known and not there: each is refused by its name, with a reason. Help does not list them. */
export const refusedArgs = {
  "security-opt": { group: "Security", type: "string", multiple: true, hidden: true, description: "Not supported yet" },
  userns: { group: "Security", type: "string", hidden: true, description: "Not supported yet" },
  runtime: { group: "General", type: "string", hidden: true, description: "Not supported yet" },
  "env-host": { group: "Process", type: "boolean", hidden: true, description: "Not supported" },
} as const satisfies Arguments;
