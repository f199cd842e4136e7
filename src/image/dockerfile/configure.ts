/**
 * Instructions of a Dockerfile that change how an image is run, applied to its configuration: what `--change` of commit and
 * import takes. Pure.
 * @see https://docs.docker.com/reference/dockerfile/
 */

import { UsageError } from "../../errors.ts";
import { findSignal } from "../../linux/signal-name.ts";
import type { Healthcheck } from "../../oci/image.ts";
import { readHealthcheck } from "./healthcheck.ts";
import { isMeantAsList } from "./list.ts";
import { type Instruction, type ParsedText, parseInstructions } from "./parse.ts";
import type { Lexing } from "./substitution.ts";
import { expandWord, expandWords, splitWords } from "./words.ts";

/** The `config` of an image configuration as it stands in JSON: what we do not know of it stays as it is. */
export type RawRunConfig = Record<string, unknown>;

/** What instructions read and change while they are applied one after the other. */
export interface Configuring {
  config: RawRunConfig;
  escapeSign: ParsedText["escapeSign"];
  /** Variables that a container has where its image does not say: `PATH=...`. */
  defaults: readonly string[];
  /** A CMD came before: an ENTRYPOINT drops only the one of the image below. */
  hasCommand: boolean;
}

/** Texts in the words of a Dockerfile, each of one instruction or several. @throws UsageError naming the instruction */
export function applyChanges(config: RawRunConfig, changes: readonly string[], defaults: readonly string[] = []) {
  const { instructions, escapeSign } = parseInstructions(changes.join("\n"), where);
  const configuring: Configuring = { config, escapeSign, defaults, hasCommand: false };
  for (const instruction of instructions) configure(configuring, instruction);
  if (instructions.length === 0 && changes.length > 0)
    throw new UsageError(`${where}: there is no instruction in it`, `as in CMD ["sh"]`);
  return configuring.config;
}

const where = "--change";

/** Applies one instruction. @throws UsageError for one that changes no configuration */
export function configure(configuring: Configuring, { name, flags, rest }: Instruction): void {
  const instruction = Object.hasOwn(instructions, name) ? instructions[name] : undefined;
  if (!instruction)
    throw new UsageError(
      `${where}: ${JSON.stringify(name)} is not supported`,
      `one of ${Object.keys(instructions).join(", ")}`,
    );
  const [flag] = flags;
  if (flag && name !== "HEALTHCHECK") throw new UsageError(`${where}: ${name} has no flag --${flag[0]}`);
  if (rest === "") throw new UsageError(`${where}: ${name} needs an argument`);
  const changed = instruction({ rest, flags, configuring, lexing: lexingOf(configuring, name), name });
  configuring.config = { ...configuring.config, ...changed };
}

interface Call {
  name: string;
  rest: string;
  flags: Instruction["flags"];
  configuring: Configuring;
  lexing: Lexing;
}

/** Variables are those of before the instruction: in `ENV A=1 B=$A` it is the old A. */
function lexingOf({ config, defaults, escapeSign }: Configuring, name: string): Lexing {
  const entries = [...defaults, ...textsOf(config.Env)];
  const variables = new Map(entries.map((entry) => [nameOf(entry), entry.slice(nameOf(entry).length + 1)]));
  return { where: `${where}: ${name}`, escapeSign, variable: (variable) => variables.get(variable) };
}

const textsOf = (value: unknown): string[] => (value as string[] | null | undefined) ?? [];
const nameOf = (entry: string): string => entry.split("=", 1)[0]!;

const instructions: Record<string, (call: Call) => RawRunConfig> = {
  CMD(call) {
    call.configuring.hasCommand = true;
    return { Cmd: commandOf(call) };
  },
  // Docker's rule: the command of the image below was meant for another entrypoint.
  ENTRYPOINT: (call) => ({
    Entrypoint: commandOf(call),
    ...(!call.configuring.hasCommand && { Cmd: undefined }),
  }),
  ENV: (call) => ({ Env: withVariables(textsOf(call.configuring.config.Env), pairsOf(call)) }),
  EXPOSE: (call) => ({
    ExposedPorts: merged(call, "ExposedPorts", asKeys(expandWords(call.rest, call.lexing).flatMap(portsOf))),
  }),
  HEALTHCHECK: ({ rest, flags, lexing }) => ({
    Healthcheck: readHealthcheck(rest, flags, lexing.where) satisfies Healthcheck,
  }),
  LABEL: (call) => ({ Labels: merged(call, "Labels", Object.fromEntries(pairsOf(call))) }),
  ONBUILD: (call) => ({ OnBuild: [...textsOf(call.configuring.config.OnBuild), triggerOf(call)] }),
  STOPSIGNAL: (call) => ({ StopSignal: stopSignalOf(oneWord(call)) }),
  USER: (call) => ({ User: oneWord(call) }),
  VOLUME: (call) => ({ Volumes: merged(call, "Volumes", asKeys(volumesOf(call))) }),
  WORKDIR: (call) => ({
    WorkingDir: directoryOf(expandWord(call.rest, call.lexing), (call.configuring.config.WorkingDir as string) || "/"),
  }),
};

const merged = ({ configuring }: Call, field: string, more: object): object => ({
  ...(configuring.config[field] as object | null | undefined),
  ...more,
});

const asKeys = (names: string[]): Record<string, object> => Object.fromEntries(names.map((name) => [name, {}]));

/** The exec form `["a", "b"]`, or the shell form. */
function commandOf({ name, rest, configuring }: Call): string[] {
  const list = jsonWords(rest);
  if (list) return list;
  if (isMeantAsList(rest)) refuseList(name, rest);
  return [...(textsOf(configuring.config.Shell).length > 0 ? textsOf(configuring.config.Shell) : defaultShell), rest];
}

const defaultShell = ["/bin/sh", "-c"];

function refuseList(name: string, rest: string): never {
  throw new UsageError(`${where}: ${name} ${rest} is not a JSON list of strings`, `as in ${name} ["a", "b"]`);
}

function jsonWords(text: string): string[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((word) => typeof word === "string") ? list : undefined;
  } catch {
    return undefined;
  }
}

/** `NAME=value NAME="a value"...`, or the old form `NAME value with spaces`. */
function pairsOf({ name, rest, lexing }: Call): [string, string][] {
  const words = splitWords(rest, lexing);
  const [first = ""] = words;
  if (!first.includes("=")) {
    const [, key, value] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    if (key === undefined || value === undefined)
      throw new UsageError(`${where}: ${name} ${rest} has no value`, `${name} NAME=value`);
    return [[expandWord(key, lexing), expandWord(value, lexing)]];
  }
  return words.map((word) => {
    const equals = word.indexOf("=");
    const key = expandWord(word.slice(0, Math.max(equals, 0)), { ...lexing, where: `${lexing.where} ${word}` });
    if (key === "") throw new UsageError(`${where}: ${JSON.stringify(word)} in ${name} is not NAME=value`);
    return [key, expandWord(word.slice(equals + 1), lexing)];
  });
}

/** Each variable once: a new value takes the place of the old one. */
function withVariables(env: string[], pairs: [string, string][]): string[] {
  const variables = new Map(env.map((entry) => [nameOf(entry), entry]));
  for (const [name, value] of pairs) variables.set(name, `${name}=${value}`);
  return [...variables.values()];
}

/** `80`, `53/udp`, `8000-8002`. */
function portsOf(text: string): string[] {
  const [, first, last, protocol = "tcp"] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last ?? first)];
  if (first === undefined || from < 1 || to > 65535 || to < from)
    throw new UsageError(`${where}: ${JSON.stringify(text)} in EXPOSE is not a valid port`, "as in 80 or 53/udp");
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}

function triggerOf({ rest }: Call): string {
  const [word = ""] = rest.split(/\s/, 1);
  if (/^(ONBUILD|FROM|MAINTAINER)$/i.test(word))
    throw new UsageError(`${where}: ${word.toUpperCase()} is not allowed in ONBUILD`);
  return rest;
}

function oneWord({ name, rest, lexing }: Call): string {
  const word = expandWord(rest, lexing);
  if (word === "" || /\s/.test(word)) throw new UsageError(`${where}: ${name} takes one word, not ${rest}`);
  return word;
}

function stopSignalOf(text: string): string {
  if (findSignal(text) === undefined)
    throw new UsageError(
      `${where}: ${JSON.stringify(text)} in STOPSIGNAL is not a valid signal`,
      "as in SIGTERM or 15",
    );
  return /^\d/.test(text) ? text : text.toUpperCase().replace(/^(?!SIG)/, "SIG");
}

function volumesOf({ rest, lexing }: Call): string[] {
  const words = jsonWords(rest);
  if (!words && rest.startsWith("[")) refuseList("VOLUME", rest);
  const list = words?.map((path) => expandWord(path, lexing)) ?? expandWords(rest, lexing);
  if (list.length === 0) throw new UsageError(`${where}: VOLUME ${rest} names no path`, `VOLUME ["/data"]`);
  for (const path of list)
    if (!path.startsWith("/"))
      throw new UsageError(`${where}: ${JSON.stringify(path)} in VOLUME is not an absolute path`, `VOLUME ["/data"]`);
  return list;
}

function directoryOf(text: string, current: string): string {
  if (text === "") throw new UsageError(`${where}: WORKDIR is empty`, "WORKDIR /srv");
  const parts: string[] = [];
  for (const part of (text.startsWith("/") ? text : `${current}/${text}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
