/** `--help` of the OCI runtime. */

import { isatty } from "../../linux/tty.ts";
import { type HelpScreen, operandsSection, optionSections, renderHelp } from "../words/help.ts";
import { bold, printStyled } from "../words/print.ts";
import { runtimeCommands } from "./commands.ts";
import { globalArgs } from "./global.ts";

/** Prints the help of a command, or of the runtime itself. */
export async function printHelp(name?: string): Promise<number> {
  printStyled(renderHelp(await helpScreen(name), isatty(1) ? bold : undefined));
  return 0;
}

/** The same as data. */
export async function helpScreen(name?: string): Promise<HelpScreen> {
  const { command: _, ...options } = globalArgs;
  if (name !== undefined && Object.hasOwn(runtimeCommands, name)) {
    const { meta, args } = (await runtimeCommands[name]!()).default;
    const operands = Object.entries(args).flatMap(([word, { type, required, multiple }]) => {
      if (type !== "positional") return [];
      const shown = `${word.toUpperCase()}${multiple ? "..." : ""}`;
      return [required ? shown : `[${shown}]`];
    });
    return {
      usage: [`tinydocker-runtime ${["[GLOBAL OPTIONS]", name, "[OPTIONS]", ...operands].join(" ")}`],
      about: meta.description,
      sections: [operandsSection(args), ...optionSections({ ...args, help: globalArgs.help })],
    };
  }
  const rows = Object.entries(runtimeCommands).map(async ([word, load]) => {
    const { meta } = (await load()).default;
    return [word, meta.description] as [string, string];
  });
  return {
    usage: [
      "tinydocker-runtime [GLOBAL OPTIONS] COMMAND [ARG...]",
      "tinydocker runtime [GLOBAL OPTIONS] COMMAND [ARG...]",
    ],
    about: "Run OCI bundles, as podman, docker, containerd and CRI-O ask for it.",
    sections: [
      { title: "Commands", rows: await Promise.all(rows) },
      { ...optionSections(options)[0]!, title: "Global options" },
    ],
    footer: "`tinydocker-runtime COMMAND --help` lists the options of a command.",
  };
}
