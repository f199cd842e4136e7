/** `tinydocker man`: the manual page, in roff, made of the same definitions as --help. */

import { version } from "../version.ts";
import { rootfsMode } from "./container/rootfs-mode.ts";
import { findCommand, groups } from "./groups.ts";
import { type Arguments, type Command, type Commands, defineCommand } from "./words/command.ts";
import { globalArgs } from "./words/global.ts";
import { printText } from "./words/print.ts";

export default defineCommand({
  meta: { name: "man", group: "System", description: "Print the manual page, for man(1)" },
  args: {},
  examples: ["tinydocker man >/usr/local/share/man/man1/tinydocker.1"],
  run: async (_, { commands }) => {
    printText(await manualPage(commands));
    return 0;
  },
});

/**
 * The page tinydocker(1).
 * @see https://man7.org/linux/man-pages/man7/man.7.html
 */
export async function manualPage(commands: Commands): Promise<string> {
  const all = await Promise.all(Object.keys(commands).map((name) => findCommand(commands, name)));
  const grouped = Object.entries(groups).flatMap(([name, { commands: members }]) =>
    // What has a short name is among the others, under that.
    Object.keys(members).flatMap((word) =>
      typeof members[word] === "string" ? [] : findCommand(commands, name, word),
    ),
  );
  const visible = [...all.filter(({ meta }) => !meta.hidden), ...(await Promise.all(grouped))];
  return [
    `.TH TINYDOCKER 1 "" "tinydocker ${roff(version)}" "User Commands"`,
    ".SH NAME",
    "tinydocker \\- containers in one file",
    ".SH SYNOPSIS",
    ".B tinydocker",
    "[\\fB\\-\\-root\\fR \\fIdir\\fR] [\\fB\\-\\-firewall\\fR \\fIdriver\\fR] \\fIcommand\\fR [\\fIarguments\\fR]",
    ".br",
    ".B tinydocker",
    "[\\fIoptions\\fR] \\fB\\-\\-\\fR \\fIcommand\\fR [\\fIarguments\\fR]",
    ".SH DESCRIPTION",
    "Starts programs in containers, from image files or images it keeps in a store. No daemon is needed, and nothing has to be",
    "installed. The second form runs a command with a directory as its root.",
    ".SH OPTIONS",
    ...describeOptions({ ...globalArgs, ...rootfsMode.args }),
    ".SH COMMANDS",
    ...visible.flatMap(describeCommand),
    ".SH GROUPS",
    "Commands that have a short name as well.",
    ...Object.entries(groups).flatMap(([name, { commands: members }]) =>
      Object.entries(members).flatMap(([word, short]) =>
        typeof short === "string"
          ? [".TP", `.B tinydocker ${roff(`${name} ${word}`)}`, `As \\fBtinydocker ${roff(short)}\\fR.`]
          : [],
      ),
    ),
    ".SH EXIT STATUS",
    ...describeStatus(),
    ".SH ENVIRONMENT",
    ".TP",
    ".B TINYDOCKER_ROOT",
    "Where images and containers are kept, unless \\fB\\-\\-root\\fR says so.",
    ".TP",
    ".B TINYDOCKER_CONFIG",
    "The configuration file, unless \\fB\\-\\-config\\fR says so.",
    ".SH FILES",
    ".TP",
    ".I /etc/tinydocker/config.json",
    "Defaults of this host for all containers.",
    ".TP",
    ".I /var/lib/tinydocker",
    "Images and containers.",
    ".SH EXAMPLES",
    ...[...visible, rootfsMode].flatMap(({ examples }) =>
      examples.flatMap((line) => [".PP", ".EX", roff(line), ".EE"]),
    ),
    ".SH SEE ALSO",
    ".BR namespaces (7),",
    ".BR cgroups (7),",
    ".BR capabilities (7)",
    "",
  ].join("\n");
}

function describeCommand({ meta, args, optionsFirst }: Command): string[] {
  const operands = Object.entries(args)
    .filter(([, { type }]) => type === "positional")
    .map(([name, { required, multiple }]) => {
      const shown = `\\fI${roff(name)}\\fR${multiple ? "..." : ""}`;
      return required ? shown : `[${shown}]`;
    });
  const options = Object.values(args).some(({ type }) => type !== "positional") ? ["[\\fIoptions\\fR]"] : [];
  return [
    `.SS "tinydocker ${roff(meta.name)}"`,
    `.B tinydocker ${roff(meta.name)}`,
    [...options, ...operands].join(" "),
    ".PP",
    `${roff(meta.description)}.${optionsFirst ? " What follows the first operand belongs to the container." : ""}`,
    ...describeOptions(args),
  ].filter((line) => line !== "");
}

function describeOptions(args: Arguments): string[] {
  return Object.entries(args).flatMap(([name, { type, alias, valueHint, description, multiple, hidden }]) => {
    if (type === "positional" || hidden) return [];
    const value = type === "string" ? ` \\fI${roff(valueHint ?? "value")}\\fR` : "";
    const letter = alias ? `\\fB\\-${roff(alias)}\\fR, ` : "";
    const again = multiple ? " May be given several times." : "";
    return [".TP", `${letter}\\fB\\-\\-${roff(name)}\\fR${value}`, `${roff(description)}.${again}`];
  });
}

const statuses: [string, string][] = [
  ["0 to 124", "Of \\fBrun\\fR: the program's own. 0 is success and 1 a failure of other commands."],
  ["125", "tinydocker itself failed to run a container, or the command line is wrong."],
  ["126", "The program can't be executed."],
  ["127", "There is no such program."],
  ["128 + n", "Signal n ended the program."],
];

const describeStatus = (): string[] => statuses.flatMap(([status, text]) => [".TP", `.B ${status}`, text]);

/** Text in which roff sees no command: backslashes, and a dot or quote at the beginning of a line; dashes stay dashes. */
const roff = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll('"', "\\(dq")
    .replace(/^([.'])/, "\\&$1")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga");
