import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { commands } from "../../src/cli/commands.ts";
import { complete } from "../../src/cli/complete.ts";
import { groups } from "../../src/cli/groups.ts";
import { manualPage } from "../../src/cli/man.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** The words that the last one may become, and what else. */
async function answer(...words: string[]): Promise<{ words: string[]; files: string }> {
  const { candidates, files } = await complete(commands, words, temporaryDirectory());
  return { words: candidates.map(({ word }) => word), files };
}

describe("complete()", () => {
  test("knows the commands, groups and global options, and not what is hidden", async () => {
    expect((await answer("")).words).toEqual(expect.arrayContaining(["run", "images", "image", "container", "help"]));
    expect((await answer("")).words).not.toContain("__complete");
    expect((await answer("im")).words).toEqual(["images", "import", "image"]);
    expect((await answer("image", "")).words).toEqual(Object.keys(groups.image!.commands));
    expect((await answer("--ro")).words).toEqual(["--root", "--rootfs"]);
    expect(await answer("--root", "")).toEqual({ words: [], files: "directories" });
    expect((await answer("--root", "/x", "vers")).words).toEqual(["version"]);
    expect((await answer("--firewall", "")).words).toEqual(["nft", "iptables"]);
    for (const words of [["--firewall", "nft"], ["--firewall=nft"]])
      expect((await answer(...words, "vers")).words).toEqual(["version"]);
  });
  test("knows the options of a command, in a group too, and of what run is to explain", async () => {
    for (const words of [["run"], ["container", "run"], ["explain", "run"], ["--root=/x", "run"]])
      expect((await answer(...words, "--cap-")).words).toEqual(["--cap-add", "--cap-drop"]);
    expect((await answer("run", "-")).words).toEqual(expect.arrayContaining(["--name", "-v", "--help"]));
  });
  test("knows the values of options that have a few, in every form", async () => {
    expect((await answer("run", "--network", "")).words).toEqual(["bridge", "none", "host"]);
    expect((await answer("network", "rm", "br")).words).toEqual(["bridge"]);
    expect((await answer("run", "--network=h")).words).toEqual(["--network=host"]);
    expect((await answer("run", "--rm=")).words).toEqual(["--rm=true", "--rm=false"]);
    expect((await answer("completion", "")).words).toEqual(["bash", "zsh", "fish"]);
    expect(await answer("load", "-i", "")).toMatchObject({ files: "files" });
    expect(await answer("load", "-qi", "")).toMatchObject({ files: "files" });
    expect(await answer("run", "-r")).toMatchObject({ files: "nothing" });
  });
  test("says nothing of options after an image: those are the container's", async () => {
    expect(await answer("run", "busybox", "-")).toEqual({ words: [], files: "files" });
    expect(await answer("run", "-m", "64", "busybox", "l")).toEqual({ words: [], files: "files" });
  });
  test("an image to run may be a file, one to remove is not", async () => {
    expect(await answer("run", "")).toEqual({ words: [], files: "files" });
    expect(await answer("rmi", "")).toEqual({ words: [], files: "nothing" });
    expect(await answer("version", "")).toEqual({ words: [], files: "nothing" });
    expect(await answer("secret", "rm", "")).toEqual({ words: [], files: "nothing" });
    expect(await answer("secret", "create", "key", "")).toEqual({ words: [], files: "files" });
  });
  test("whatever is typed has an answer, or a command that is unknown", async () => {
    const word = fc.oneof(
      fc.constantFrom(
        "run",
        "image",
        "ls",
        "--",
        "-",
        "-it",
        "-v",
        "--network",
        "--name=",
        "explain",
        "help",
        "--root",
        "",
      ),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
        const root = "/nonexistent";
        const found = await complete(commands, words, root).catch((error: Error) => error);
        if (found instanceof Error) expect(found.message).toStartWith("unknown command");
        else for (const { word } of found.candidates) expect(word).toStartWith(words.at(-1) ?? "");
      }),
    );
  });
});

describe("groups", () => {
  test("name commands that exist", async () => {
    for (const { commands: members, aliases } of Object.values(groups)) {
      for (const entry of Object.values(members)) if (typeof entry === "string") expect(commands).toHaveProperty(entry);
      for (const member of Object.values(aliases)) expect(members).toHaveProperty(member);
    }
    for (const name of Object.keys(groups)) expect(commands).not.toHaveProperty(name);
  });
});

describe("manualPage()", () => {
  test("tells of every command and option that --help tells of", async () => {
    const page = await manualPage(commands);
    for (const [name, load] of Object.entries(commands)) {
      const { meta, args } = (await load()).default;
      expect([name, page.includes(`.SS "tinydocker ${name.replaceAll("-", "\\-")}"`)]).toEqual([name, !meta.hidden]);
      for (const [option, { type, hidden }] of Object.entries(args))
        if (type !== "positional" && !meta.hidden && !hidden)
          expect(page).toContain(`\\fB\\-\\-${option.replaceAll("-", "\\-")}\\fR`);
    }
    for (const line of page.split("\n")) expect(line).toMatch(/^(\.[A-Z]{1,2}\b|\.(br|SH)|[^.'])|^$/);
  });
});
