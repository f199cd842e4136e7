import { UnsupportedError, UsageError } from "../../errors.ts";
import { readBytes } from "../../linux/file.ts";
import { capabilityNames } from "../../oci/capabilities.ts";
import type { Process, User } from "../../oci/spec.ts";
import { absolutePath } from "../../paths.ts";
import { planJoin } from "../../plan/bundle/exec.ts";
import { joinContainer } from "../../runtime/oci/exec.ts";
import { grantable } from "../../runtime/oci/grant.ts";
import { readState } from "../../runtime/oci/state.ts";
import { handedOver } from "../../runtime/oci/stdio.ts";
import type { Arguments, Values } from "../words/command.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";
import { checkConsole } from "./console.ts";
import { preservedOf, preserveFds } from "./descriptors.ts";

const execArgs = {
  process: { type: "string", alias: "p", valueHint: "FILE", description: "The process as JSON, as in config.json" },
  tty: { type: "boolean", alias: "t", description: "Give it a terminal" },
  user: { type: "string", alias: "u", valueHint: "UID[:GID]", description: "Who it runs as, by numbers" },
  "additional-gids": {
    type: "string",
    alias: "g",
    multiple: true,
    valueHint: "GID",
    description: "Groups beside that",
  },
  cwd: { type: "string", valueHint: "DIR", description: "Its working directory" },
  env: {
    type: "string",
    alias: "e",
    multiple: true,
    valueHint: "NAME=VALUE",
    description: "A variable beside the container's",
  },
  cap: {
    type: "string",
    alias: "c",
    multiple: true,
    valueHint: "CAP",
    description: "A capability beside the container's",
  },
  "no-new-privs": { type: "boolean", description: "It can't get more privileges" },
  apparmor: { type: "string", valueHint: "PROFILE", description: "Its AppArmor profile" },
  "process-label": { type: "string", valueHint: "LABEL", description: "Its SELinux label" },
  cgroup: { type: "string", valueHint: "PATH", description: "Start it in this cgroup below the container's" },
  "console-socket": {
    type: "string",
    valueHint: "SOCKET",
    description: "Send the master of the terminal to this socket",
  },
  "pid-file": { type: "string", valueHint: "FILE", description: "Write its number to this file" },
  "preserve-fds": preserveFds,
  detach: { type: "boolean", alias: "d", description: "Do not wait for its end" },
  "ignore-paused": { type: "boolean", description: "Start it also in a container that is paused, where it waits" },
  id: containerId,
  command: { type: "positional", multiple: true, description: "Its program and arguments, unless --process has them" },
} as const satisfies Arguments;
type Given = Values<typeof execArgs>;

export default defineRuntimeCommand({
  meta: { name: "exec", description: "Run another process in a container" },
  args: execArgs,
  optionsFirst: true,
  takesSignals: true,
  // As runc and crun: what failed was not the program.
  failureCode: 255,
  run: (args, { root, warn }) => {
    const state = readState(root, args.id);
    const here = process.cwd();
    const { process: target, warnings } = grantable(processOf(args, state.config.process), state.config);
    warnings.forEach(warn);
    const { terminal = false } = target;
    const { detach = false } = args;
    const consoleSocket = pathOf(args["console-socket"], here);
    if (detach || !terminal) checkConsole(terminal, consoleSocket);
    const preserved = preservedOf(args["preserve-fds"]);
    const stdio = Array(3).fill(terminal ? "terminal" : "inherited");
    const pidFile = pathOf(args["pid-file"], here);
    return joinContainer(root, state, {
      plan: planJoin(state.config, target, {
        stdio,
        detach,
        preserveFds: preserved.length,
        place: { id: state.id, directory: state.bundle },
      }),
      connect: (owner) =>
        terminal && consoleSocket === undefined
          ? foreground().terminalOfCaller(owner)
          : handedOver(owner, consoleSocket),
      preserved,
      detach,
      ...(pidFile !== undefined && { pidFile }),
      ...(args.cgroup !== undefined && { cgroup: cgroupIn(args.cgroup) }),
      ignorePaused: args["ignore-paused"] ?? false,
    });
  },
});

/** Loaded for a terminal that is the caller's. */
const foreground = () => require("../../runtime/oci/foreground.ts") as typeof import("../../runtime/oci/foreground.ts");

const pathOf = (path: string | undefined, here: string) => (path === undefined ? undefined : absolutePath(path, here));

function cgroupIn(path: string): string {
  if (path.includes(":"))
    throw new UnsupportedError(`option --cgroup ${path}: cgroup v2 has one hierarchy, and no controllers to choose by`);
  return path.replace(/^\/+/, "");
}

/** From a file all of it; else the container's own, with what the options change. */
function processOf(args: Given, own: Process): Process {
  if (args.process !== undefined) {
    if (args.command.length > 0) throw new UsageError("a command and --process: only one of them can be given");
    const { parseProcess } =
      require("../../oci/bundle/process-file.ts") as typeof import("../../oci/bundle/process-file.ts");
    return parseProcess(readBytes(absolutePath(args.process, process.cwd())));
  }
  if (args.command.length === 0) throw new UsageError("the command is missing", "exec ID COMMAND, or --process FILE");
  const { capabilities, consoleSize: _, ...rest } = own;
  const added = args.cap.map(capabilityName);
  const groups = args["additional-gids"].map(idOf);
  const user = userOf(args.user, own.user);
  return {
    ...rest,
    terminal: args.tty ?? false,
    args: args.command,
    env: [...own.env, ...args.env],
    cwd: args.cwd ?? own.cwd,
    user: { ...user, ...(groups.length > 0 && { additionalGids: [...(user.additionalGids ?? []), ...groups] }) },
    ...(capabilities && { capabilities: withCapabilitiesAdded(capabilities, added) }),
    ...(args["no-new-privs"] !== undefined && { noNewPrivileges: args["no-new-privs"] }),
    ...(args.apparmor !== undefined && { apparmorProfile: args.apparmor }),
    ...(args["process-label"] !== undefined && { selinuxLabel: args["process-label"] }),
  };
}

function userOf(text: string | undefined, own: User): User {
  if (text === undefined) return own;
  const [uid = "", gid] = text.split(":", 2);
  return { ...own, uid: idOf(uid), ...(gid !== undefined && { gid: idOf(gid) }) };
}

function idOf(text: string): number {
  const id = Number(text);
  if (!/^\d{1,10}$/.test(text) || id > 0xfffffffe)
    throw new UsageError(`${JSON.stringify(text)} is not a number of a user or group`, "--user UID[:GID]");
  return id;
}

function capabilityName(text: string): string {
  const name = text.toUpperCase();
  if ((capabilityNames as readonly string[]).includes(name)) return name;
  throw new UsageError(`unknown capability ${JSON.stringify(text)}`, "CAP_NET_ADMIN, and others of capabilities(7)");
}

/** Not to the inheritable ones: a program with file capabilities would get them (CVE-2022-29162). */
function withCapabilitiesAdded(sets: NonNullable<Process["capabilities"]>, added: string[]) {
  const add = (names: string[]) => [...new Set([...names, ...added])];
  const { bounding, effective, permitted } = sets;
  return { ...sets, bounding: add(bounding), effective: add(effective), permitted: add(permitted) };
}
