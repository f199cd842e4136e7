/** The options of `run` and `create` that are about the process, its limits and its namespaces. */

import type { Arguments } from "../words/command.ts";
import { refused } from "../words/refused.ts";

export const processArgs = {
  "shm-size": {
    group: "Resources",
    type: "string",
    empty: "checked",
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
    empty: "checked",
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
  umask: {
    group: "Process",
    type: "string",
    empty: "checked",
    valueHint: "mask",
    description: "Umask of the program (0022)",
  },
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
    empty: "checked",
    valueHint: "seconds",
    description: "Kill the container after this time; 0 is never",
  },
} as const satisfies Arguments;

/** The options of `run` and `create` that are about its user namespace. */
export const usernsArgs = {
  userns: {
    group: "Security",
    type: "string",
    valueHint: "namespace",
    description:
      "User namespace: host (the default), auto[:size=N] for ids of its own, keep-id[:uid=N,gid=N], nomap, private, or container:NAME",
  },
  uidmap: {
    group: "Security",
    type: "string",
    multiple: true,
    valueHint: "container:host[:count]",
    description: "Users of the container's user namespace, and what they are on the host",
  },
  gidmap: {
    group: "Security",
    type: "string",
    multiple: true,
    valueHint: "container:host[:count]",
    description: "The same for groups (as --uidmap)",
  },
  subuidname: {
    group: "Security",
    type: "string",
    valueHint: "name",
    description: "Use all ids that this user has in /etc/subuid",
  },
  subgidname: {
    group: "Security",
    type: "string",
    valueHint: "name",
    description: "Use all ids that this user has in /etc/subgid (as --subuidname)",
  },
} as const satisfies Arguments;

/** The option of `run` and `create` that says who makes the container. */
export const runtimeArgs = {
  runtime: {
    group: "General",
    type: "string",
    valueHint: "name|path",
    description: "OCI runtime: tinydocker (the default), runc, crun, a name of config.json, or a path",
  },
} as const satisfies Arguments;

const onlyOnWindows = "is for Windows";
const noRealtime = "is not supported: cgroup v2 has no real-time budget of a container";

/** Options that are known and not there: each is refused by its name, with a reason. Help does not list them. */
export const refusedArgs = {
  "env-host": refused(
    "boolean",
    "is not supported: the host's variables are none of a container's business",
    "--env NAME passes one",
  ),
  isolation: refused("string", onlyOnWindows, "leave it out, or say default", { unless: ["", "default"] }),
  "disable-content-trust": refused(
    "boolean",
    "is not supported: images come from files, which nobody has signed",
    "leave it out: no signature is looked for",
    { unless: ["true"] },
  ),
  "use-api-socket": refused("boolean", "is not supported: nothing listens, as there is no daemon"),
  "cpu-count": refused("string", onlyOnWindows, "--cpus", { unless: ["0"] }),
  "cpu-percent": refused("string", onlyOnWindows, "--cpus", { unless: ["0"] }),
  "io-maxbandwidth": refused("string", onlyOnWindows, "--device-read-bps, --device-write-bps", { unless: ["0"] }),
  "io-maxiops": refused("string", onlyOnWindows, "--device-read-iops, --device-write-iops", { unless: ["0"] }),
} as const satisfies Arguments;

/** As refusedArgs, those that `update` has too. */
export const refusedLimitArgs = {
  "cpu-rt-period": refused("string", noRealtime, "--ulimit rtprio=N lets a program ask for it", { unless: ["0"] }),
  "cpu-rt-runtime": refused("string", noRealtime, "--ulimit rtprio=N lets a program ask for it", { unless: ["0"] }),
  "kernel-memory": refused("string", "is not supported: the kernel's memory counts as the container's", "--memory", {
    unless: ["0"],
  }),
} as const satisfies Arguments;
