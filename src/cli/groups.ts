/** Commands by what they are about, as in `image ls`: for who thinks so, and where the short names are taken. */

import { UsageError } from "../errors.ts";
import { nearest, seeHelp } from "./words/argv.ts";
import type { Command, CommandGroup, Commands, Loader } from "./words/command.ts";

/** Words after a group's name: a command that also has a short name by that name, any other by its loader. */
export interface Group {
  description: string;
  /** The heading of its commands in the overview; "System" if it does not say. */
  heading?: CommandGroup;
  commands: Record<string, string | Loader>;
  /** Other words for the same: `list` is `ls`. */
  aliases: Record<string, string>;
}

const exists = async (kind: "container" | "image" | "network" | "secret" | "volume") => ({
  default: (await import("./system/exists.ts")).existsCommand(kind),
});

export const groups: Record<string, Group> = {
  container: {
    description: "Manage containers",
    heading: "Run",
    commands: {
      attach: "attach",
      commit: "commit",
      cp: "cp",
      create: "create",
      diff: "diff",
      exec: "exec",
      exists: () => exists("container"),
      export: "export",
      inspect: async () => ({ default: (await import("./system/inspect.ts")).inspectContainers }),
      kill: "kill",
      logs: "logs",
      ls: "ps",
      mount: "mount",
      pause: "pause",
      port: "port",
      prune: () => import("./container/prune.ts"),
      rename: "rename",
      restart: "restart",
      rm: "rm",
      run: "run",
      start: "start",
      stats: "stats",
      stop: "stop",
      top: "top",
      unmount: "unmount",
      unpause: "unpause",
      update: "update",
      wait: "wait",
    },
    aliases: { list: "ls", ps: "ls", remove: "rm", umount: "unmount" },
  },
  healthcheck: {
    description: "Check the health of containers",
    heading: "Run",
    commands: { run: () => import("./life/healthcheck.ts") },
    aliases: {},
  },
  image: {
    description: "Manage images",
    heading: "Images",
    commands: {
      exists: () => exists("image"),
      history: "history",
      import: "import",
      inspect: async () => ({ default: (await import("./system/inspect.ts")).inspectImages }),
      load: "load",
      ls: "images",
      mount: async () => ({ default: (await import("./system/mount.ts")).mountCommands("image").mount }),
      prune: () => import("./image/prune.ts"),
      pull: "pull",
      push: "push",
      rm: "rmi",
      save: "save",
      tag: "tag",
      unmount: async () => ({ default: (await import("./system/mount.ts")).mountCommands("image").unmount }),
    },
    aliases: { list: "ls", remove: "rm", umount: "unmount" },
  },
  manifest: {
    description: "Manage lists of images for several platforms",
    heading: "Images",
    commands: {
      add: () => import("./manifest/add.ts"),
      annotate: async () => ({ default: (await import("./manifest/add.ts")).annotate }),
      create: () => import("./manifest/create.ts"),
      inspect: () => import("./manifest/inspect.ts"),
      push: () => import("./manifest/push.ts"),
      rm: () => import("./manifest/rm.ts"),
    },
    aliases: {},
  },
  network: {
    description: "Manage networks",
    heading: "Networks",
    commands: {
      connect: () => import("./network/connect.ts"),
      create: () => import("./network/create.ts"),
      disconnect: () => import("./network/disconnect.ts"),
      exists: () => exists("network"),
      inspect: () => import("./network/inspect.ts"),
      ls: () => import("./network/ls.ts"),
      prune: () => import("./network/prune.ts"),
      reload: () => import("./network/reload.ts"),
      rm: () => import("./network/rm.ts"),
    },
    aliases: { list: "ls", remove: "rm" },
  },
  registry: {
    description: "Serve images to other machines",
    heading: "Images",
    commands: { serve: () => import("./registry/serve.ts") },
    aliases: {},
  },
  secret: {
    description: "Manage secrets",
    heading: "Volumes and secrets",
    commands: {
      create: () => import("./secret/create.ts"),
      exists: () => exists("secret"),
      inspect: () => import("./secret/inspect.ts"),
      ls: () => import("./secret/ls.ts"),
      rm: () => import("./secret/rm.ts"),
    },
    aliases: { list: "ls", remove: "rm" },
  },
  system: {
    description: "Manage tinydocker",
    heading: "System",
    commands: {
      df: () => import("./system/df.ts"),
      doctor: "doctor",
      events: "events",
      info: "info",
      prune: () => import("./system/prune.ts"),
    },
    aliases: {},
  },
  volume: {
    description: "Manage volumes",
    heading: "Volumes and secrets",
    commands: {
      create: () => import("./volume/create.ts"),
      exists: () => exists("volume"),
      export: () => import("./volume/export.ts"),
      import: () => import("./volume/import.ts"),
      inspect: () => import("./volume/inspect.ts"),
      ls: () => import("./volume/ls.ts"),
      prune: () => import("./volume/prune.ts"),
      rm: () => import("./volume/rm.ts"),
    },
    aliases: { list: "ls", remove: "rm" },
  },
};

/** A command by its name, or by its group's and the word after it. @throws UsageError with the nearest there is */
export async function findCommand(commands: Commands, name: string, word?: string): Promise<Command> {
  if (Object.hasOwn(commands, name)) return (await commands[name]!()).default;
  if (word !== undefined && isGroup(name)) return await findMember(commands, name, word);
  (require("./absent.ts") as typeof import("./absent.ts")).refuseAbsent(name);
  const known = [...Object.keys(commands).filter((one) => !one.startsWith("_")), ...Object.keys(groups)];
  throw new UsageError(
    `unknown command ${JSON.stringify(name)}`,
    nearest(name, known).replace(seeHelp, "see tinydocker --help"),
  );
}

/** `image ls` is `images`, under that name. */
async function findMember(commands: Commands, name: string, word: string): Promise<Command> {
  const { commands: members, aliases } = groups[name]!;
  const member = Object.hasOwn(aliases, word) ? aliases[word]! : word;
  if (!Object.hasOwn(members, member)) {
    (require("./absent.ts") as typeof import("./absent.ts")).refuseAbsent(`${name} ${word}`);
    const near = nearest(word, [...Object.keys(members), ...Object.keys(aliases)]);
    throw new UsageError(
      `unknown command ${JSON.stringify(`${name} ${word}`)}`,
      near.replace(seeHelp, `see tinydocker ${name} --help`),
    );
  }
  const entry = members[member]!;
  const { default: command } = await (typeof entry === "string" ? commands[entry]! : entry)();
  return { ...command, meta: { ...command.meta, name: `${name} ${member}` } };
}

/** True for the name of a group. */
export const isGroup = (name: string): boolean => Object.hasOwn(groups, name);
