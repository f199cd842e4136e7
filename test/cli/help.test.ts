import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { commands } from "../../src/cli/commands.ts";
import { findCommand, groups } from "../../src/cli/groups.ts";
import { allScreens, helpScreen } from "../../src/cli/help.ts";
import { type HelpScreen, renderHelp, wrap } from "../../src/cli/words/help.ts";

const screens = await allScreens();
const rendered = async (...words: string[]) => renderHelp(await helpScreen(...words));

describe("every help screen", () => {
  test("fits into 80 columns, with no space at the end of a line", () => {
    const tooWide = screens.flatMap(({ words, screen }) =>
      renderHelp(screen)
        .split("\n")
        .filter((line) => line.length > 80 || line !== line.trimEnd())
        .map((line) => `${words.join(" ")}: ${line}`),
    );
    expect(tooWide).toEqual([]);
  });
  test("begins with how to call it and what it is for", () => {
    for (const { words, screen } of screens) {
      const [usage] = renderHelp(screen).split("\n");
      expect(usage).toStartWith(`Usage: tinydocker ${words.join(" ")}`.trimEnd());
      expect(screen.about).not.toBe("");
    }
  });
  test("has an example, if it is about one command", () => {
    const without = screens.filter(({ screen }) => {
      const titles = screen.sections.map(({ title }) => title);
      return !titles.includes("Commands") && !screen.sections.some(({ lines = [] }) => lines.length > 0);
    });
    expect(without.map(({ words }) => words.join(" "))).toEqual([]);
  });
});

describe("a usage line", () => {
  test("says what may be left out, what repeats, and where the container's own words begin", async () => {
    for (const [command, usage] of [
      ["run", "tinydocker run [OPTIONS] IMAGE [COMMAND [ARG...]]"],
      ["exec", "tinydocker exec [OPTIONS] CONTAINER COMMAND [ARG...]"],
      ["stop", "tinydocker stop [OPTIONS] [CONTAINER...]"],
      ["pause", "tinydocker pause CONTAINER..."],
      ["images", "tinydocker images [OPTIONS] [REFERENCE]"],
      ["man", "tinydocker man"],
    ] as const)
      expect((await helpScreen(command)).usage).toEqual([usage]);
    expect((await helpScreen("explain")).usage).toEqual([
      "tinydocker explain [OPTIONS] run [RUN OPTIONS] IMAGE [COMMAND [ARG...]]",
      "tinydocker explain [OPTIONS] pull [PULL OPTIONS] NAME",
      "tinydocker explain [OPTIONS] --bundle DIR",
    ]);
  });
});

describe("the overview", () => {
  test("has every command once, under a heading", async () => {
    const { sections } = await helpScreen();
    const commandsOf = (title: string) => sections.find((one) => one.title === title)?.rows?.map(([name]) => name);
    expect(commandsOf("Run")).toEqual(expect.arrayContaining(["run", "stop", "container prune"]));
    expect(commandsOf("Inspect")).toEqual(expect.arrayContaining(["ps", "logs"]));
    expect(commandsOf("Images")).toEqual(expect.arrayContaining(["load", "images", "image prune"]));
    expect(commandsOf("Networks")).toEqual(expect.arrayContaining(["network create", "network ls"]));
    expect(commandsOf("Volumes and secrets")).toEqual(expect.arrayContaining(["volume create", "volume ls"]));
    expect(commandsOf("System")).toEqual(expect.arrayContaining(["info", "system df"]));
    const names = sections.flatMap(({ rows = [] }) => rows.map(([name]) => name));
    expect(names).toEqual([...new Set(names)]);
  });
});

describe("renderHelp()", () => {
  const screen: HelpScreen = {
    usage: ["tinydocker x [OPTIONS]", "tinydocker y"],
    about: "Do x",
    sections: [
      {
        title: "Options",
        rows: [
          ["-a, --all", "Everything"],
          [`    --${"long".repeat(8)} value`, "Something"],
        ],
      },
      { title: "Nothing", rows: [] },
      { title: "Examples", lines: [`tinydocker x ${"--all ".repeat(13)}'a b'`] },
    ],
  };
  test("puts descriptions in one column, below a term that is too long, and leaves empty sections out", () => {
    expect(renderHelp(screen)).toBe(
      [
        "Usage: tinydocker x [OPTIONS]",
        "       tinydocker y",
        "",
        "Do x",
        "",
        "Options:",
        "  -a, --all  Everything",
        `      --${"long".repeat(8)} value`,
        "             Something",
        "",
        "Examples:",
        `  tinydocker x ${"--all ".repeat(10)}\\`,
        "      --all --all --all 'a b'",
      ].join("\n"),
    );
  });
  test("prints its headings as a terminal is to show them", () => {
    const emphasized = renderHelp(screen, (heading) => `*${heading}*`);
    expect(emphasized).toContain("*Usage:* tinydocker");
    expect(emphasized).toContain("\n*Options:*\n");
  });
});

describe("wrap()", () => {
  test("loses nothing, and is too wide only where a word is", () => {
    const text = fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1 }).map((words) => words.join(" "));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (words, columns) => {
        const lines = wrap(words, columns);
        expect(lines.join(" ")).toBe(words);
        for (const line of lines) if (line.includes(" ")) expect(line.length).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

test("every option of run and create, and every command, stands under a heading of its own choice", async () => {
  const options = ["run", "create"].map(async (name) => Object.entries((await findCommand(commands, name)).args));
  const without = (await Promise.all(options)).flat().filter(([, { type, group }]) => type !== "positional" && !group);
  expect(without.map(([name]) => name)).toEqual([]);
  const all = await Promise.all(Object.keys(commands).map((name) => findCommand(commands, name)));
  expect(all.filter(({ meta }) => !meta.hidden && !meta.group).map(({ meta }) => meta.name)).toEqual([]);
  expect(Object.keys(groups).filter((name) => !groups[name]!.heading)).toEqual([]);
});

test("run --help has its options under headings", async () => {
  const text = await rendered("run");
  for (const heading of ["General", "Process", "Resources", "Network", "Storage", "Security", "Health", "Logging"])
    expect(text).toContain(`\n${heading}:\n`);
});
