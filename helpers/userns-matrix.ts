/**
 * Real programs with the host's users and with a user namespace of their own, and what is different.
 *
 *     npm run userns-matrix [-- [--binary FILE] [--userns MODE] [NAME...]]     all programs, or those whose names have this in them
 *
 * Needs root, debootstrap and a Debian mirror; the image is made once. Nothing of the machine is touched.
 */

import { parseArgs } from "node:util";
import { matrixImage } from "./userns-matrix/image.ts";
import type { Program } from "./userns-matrix/program.ts";
import { programs } from "./userns-matrix/programs.ts";
import { MatrixSandbox, type Outcome } from "./userns-matrix/sandbox.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    binary: { type: "string", default: "dist/tinydocker" },
    userns: { type: "string", default: "auto" },
    verbose: { type: "boolean", default: false },
  },
});

const chosen = programs.filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.toLowerCase().includes(word.toLowerCase())),
);

const describe = ({ code, text, error }: Outcome): string =>
  code === 0
    ? text.replaceAll("\n", "; ")
    : `exit ${code}: ${[text.split("\n").at(-1), error].filter(Boolean).join("; ")}`;

interface Row {
  program: Program;
  host: Outcome;
  own: Outcome;
}

const isSame = ({ host, own }: Row): boolean => host.code === own.code && host.text === own.text;

const tar = matrixImage();
await using sandbox = await MatrixSandbox.open(values.binary);
sandbox.load(tar, "matrix");
const rows: Row[] = [];
for (const program of chosen) {
  const row = { program, host: sandbox.attempt(program, "host"), own: sandbox.attempt(program, values.userns) };
  rows.push(row);
  const word = isSame(row) ? (row.host.code === 0 ? "same  " : "FAILS ") : "DIFFERS";
  console.error(`${word}  ${program.name}`);
  if (values.verbose || !word.startsWith("same")) {
    console.error(`         host: ${describe(row.host)}\n         ${values.userns}: ${describe(row.own)}`);
  }
}
const different = rows.filter((row) => !isSame(row));
const cell = (outcome: Outcome): string =>
  (outcome.code === 0 && outcome.text === "" ? "works" : describe(outcome)).replaceAll("|", "\\|");
console.log(`${rows.length} programs, ${different.length} different with --userns ${values.userns}\n`);
console.log(`| program | --userns host | --userns ${values.userns} |\n|---|---|---|`);
for (const { program, host, own } of different) console.log(`| ${program.name} | ${cell(host)} | ${cell(own)} |`);
