/**
 * `npm run release -- --tag v0.1.0` leaves in dist/release what a release consists of: a binary for each target, the manual
 * page, busybox.tar and SHA256SUMS; and its text, from CHANGELOG.md, in dist/release-notes.md. Runs the binary that is for this machine once.
 */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json";
import { build, hostTarget, type Target, targets } from "./build.ts";
import { buildImage } from "./images.ts";
import { run, text } from "./process.ts";

const repository = join(import.meta.dir, "..");
const directory = join(repository, "dist/release");

/** What people ask first who have downloaded one. */
const aboutBinaries = `The binaries run as they are. Those for musl need two libraries that a fresh Alpine does not have:
\`apk add libstdc++ libgcc\`. An error of tinydocker's own names a place in the source: the source map is in the binary.
`;

/** The section of CHANGELOG.md about one version, or what is unreleased. */
export function notesOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const find = (name: string) => sections.find((section) => section.startsWith(`[${name}]`));
  const section = find(version) ?? find("Unreleased");
  if (section === undefined) throw new Error(`CHANGELOG.md says nothing about ${version}`);
  const text = section.slice(section.indexOf("\n")).replace(/^\[[^\]]+\]: .*$/gm, "");
  return `${text.trim()}\n`;
}

/** Lines as of sha256sum(1), for all files of a directory. */
export function checksums(folder: string): string {
  const digest = (file: string) =>
    new Bun.CryptoHasher("sha256").update(readFileSync(join(folder, file))).digest("hex");
  const lines = readdirSync(folder)
    .filter((file) => file !== "SHA256SUMS")
    .sort()
    .map((file) => `${digest(file)}  ${file}\n`);
  return lines.join("");
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { tag: { type: "string" } } });
  const tag = `v${manifest.version}`;
  if (values.tag !== undefined && values.tag !== tag) {
    throw new Error(`the tag is ${values.tag}, but package.json has the version ${manifest.version}`);
  }
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const target of Object.keys(targets) as Target[]) await build(target, join(directory, `tinydocker-${target}`));
  copyFileSync(await buildImage("busybox"), join(directory, "busybox.tar"));
  const binary = join(directory, `tinydocker-${hostTarget()}`);
  run(join(import.meta.dir, "smoke"), [binary, manifest.version]);
  writeFileSync(join(directory, "tinydocker.1"), `${text(binary, ["man"])}\n`);
  writeFileSync(join(directory, "SHA256SUMS"), checksums(directory));
  run("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: directory });
  const notes = notesOf(readFileSync(join(repository, "CHANGELOG.md"), "utf8"), manifest.version);
  writeFileSync(join(repository, "dist/release-notes.md"), `${notes}\n${aboutBinaries}`);
  console.log(`${directory}: ${readdirSync(directory).join(" ")}`);
}
