/** What `--security-opt` says, in Docker's words and podman's. Loaded for those that say something. */

import { InvalidError, UsageError } from "../../errors.ts";
import { seccompProfile } from "../../oci/bundle/seccomp.ts";
import { parseJson } from "../../oci/json.ts";
import { parseWithBits64 } from "../../oci/seccomp.ts";
import { absolutePath } from "../../paths.ts";
import { landlockProfile } from "../../plan/rare/landlock.ts";
import { labelWords, splitWord } from "../../plan/rare/selinux.ts";
import { type SecurityOptions, seccompWords } from "../../plan/security-options.ts";
import { readOptionFile } from "./caller.ts";

/** What each word of `--security-opt` takes. */
const parsers: Record<string, (value: string, options: SecurityOptions) => SecurityOptions> = {
  seccomp: (value) => ({ seccomp: seccompWords.includes(value) ? value : readProfile(value) }),
  landlock: (value) => ({ landlock: readLandlock(value) }),
  "no-new-privileges": (value) => ({ noNewPrivileges: parseFlag(value) }),
  apparmor: (value) => ({ apparmor: parseAppArmor(value) }),
  label: (value, { labels = [] }) =>
    value === "disable" ? { labelDisabled: true } : { labels: [...labels, parseLabel(value)] },
  systempaths: (value) => {
    if (value !== "unconfined") refuse(`systempaths=${value}`, "is not valid", "systempaths=unconfined");
    return { systemPathsUnconfined: true };
  },
  mask: (value, { mask = [] }) => ({ mask: [...mask, ...parsePaths("mask", value)] }),
  unmask: (value, { unmask = [] }) => ({
    unmask: [...unmask, ...(value === "ALL" ? [value] : parsePaths("unmask", value))],
  }),
};

/** Docker's and podman's words that are not there, with what to do instead. */
const refused: Record<string, [why: string, hint?: string]> = {
  "proc-opts": ["is not supported: /proc has the options of every container"],
  "writable-cgroups": ["is not supported: the container's cgroups are read-only", "--privileged makes them writable"],
};

function refuse(text: string, why: string, hint?: string): never {
  throw new UsageError(`--security-opt ${text} ${why}`, hint);
}

/** Of what is said twice the last counts; paths add up. */
export function parseSecurity(words: string[]): SecurityOptions {
  let options: SecurityOptions = {};
  for (const text of words) options = { ...options, ...parseOne(text, options) };
  return options;
}

function parseOne(text: string, options: SecurityOptions): SecurityOptions {
  // Docker still takes a colon, which it had first.
  const [, name = text, value = ""] = /^([^=:]*)[=:](.*)$/s.exec(text) ?? [];
  const reason = Object.hasOwn(refused, name) && refused[name];
  if (reason) refuse(text, ...reason);
  const parse = Object.hasOwn(parsers, name) ? parsers[name] : undefined;
  if (!parse) refuse(text, "is not supported", `one of ${Object.keys(parsers).join(", ")}`);
  if (value === "" && name !== "no-new-privileges") refuse(text, "has no value", `${name}=VALUE`);
  if (text === "no-new-privileges") return { noNewPrivileges: true };
  return parse(value, options);
}

/** As Docker's: what Go takes for true and false. */
function parseFlag(value: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  return refuse(`no-new-privileges=${value}`, "is neither true nor false");
}

function parseAppArmor(value: string): string {
  if (/^[^\0\s]+$/.test(value)) return value;
  return refuse(`apparmor=${value}`, "is not the name of a profile");
}

/** A part of a context, or a word. It says nothing where SELinux is not on, and must be right all the same. */
function parseLabel(text: string): string {
  if (text === "nested") return text;
  const [word, value] = splitWord(text);
  if (!(labelWords as readonly string[]).includes(word))
    refuse(`label=${text}`, "is not valid", `disable, nested, or one of ${labelWords.join(", ")} as label=type:NAME`);
  const form = word === "level" ? /^s\d+(-s\d+)?(:c\d+([.,]c\d+)*)?$/ : /^[\w.-]+$/;
  if (!form.test(value)) refuse(`label=${text}`, `has no ${word} that could be one`);
  return text;
}

/** Podman's form: several, with colons between them. */
function parsePaths(name: string, value: string): string[] {
  const paths = value.split(":").filter(Boolean);
  for (const path of paths)
    if (!path.startsWith("/") || path.includes("\0") || path.split("/").includes(".."))
      refuse(`${name}=${value}`, `names ${JSON.stringify(path)}, which is not an absolute path`);
  return paths;
}

/** The text of a profile, which is checked, and kept: what becomes of the file later is nothing to the container. */
const readProfile = (file: string): string =>
  readChecked("seccomp", file, (text, where) => void seccompProfile(parseWithBits64(text), where));

const readLandlock = (file: string): string =>
  readChecked("landlock", file, (text, where) => void landlockProfile(JSON.parse(text), where));

function readChecked(word: string, file: string, check: (text: string, where: string) => void): string {
  const text = readOptionFile(`--security-opt ${word}`, absolutePath(file, process.cwd()));
  try {
    parseJson(text, file);
    check(text, `${file}:`);
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    throw new UsageError(`--security-opt ${word}: ${error.message}`, error.hint);
  }
  return text;
}
