/**
 * Changes of an image's configuration in the words of a Dockerfile, as `--change` of commit and import takes them. Pure.
 * @see https://docs.docker.com/reference/dockerfile/
 */

import { UsageError } from "../errors.ts";
import { signals } from "../linux/signal.ts";

/** The `config` of an image configuration as it stands in JSON: what we do not know of it stays as it is. */
export type RawRunConfig = Record<string, unknown>;

/** @throws UsageError naming the instruction */
export function applyChange(config: RawRunConfig, change: string): RawRunConfig {
  const [, word = "", rest = ""] = /^\s*(\S+)\s*(.*?)\s*$/s.exec(change) ?? [];
  const name = word.toUpperCase();
  const instruction = Object.hasOwn(instructions, name) ? instructions[name] : undefined;
  if (!instruction)
    throw new UsageError(
      `--change: ${JSON.stringify(word)} is not supported`,
      `one of ${Object.keys(instructions).join(", ")}`,
    );
  if (rest === "") throw new UsageError(`--change: ${name} needs an argument`);
  return { ...config, ...instruction(rest, config) };
}

type Instruction = (rest: string, config: RawRunConfig) => RawRunConfig;

const instructions: Record<string, Instruction> = {
  CMD: (rest) => ({ Cmd: commandOf("CMD", rest) }),
  ENTRYPOINT: (rest) => ({ Entrypoint: commandOf("ENTRYPOINT", rest) }),
  ENV: (rest, { Env }) => ({ Env: withVariables((Env as string[] | null | undefined) ?? [], pairsOf("ENV", rest)) }),
  EXPOSE: (rest, { ExposedPorts }) => ({
    ExposedPorts: { ...(ExposedPorts as object), ...asKeys(rest.split(/\s+/).flatMap(portsOf)) },
  }),
  LABEL: (rest, { Labels }) => ({ Labels: { ...(Labels as object), ...Object.fromEntries(pairsOf("LABEL", rest)) } }),
  ONBUILD: (rest, { OnBuild }) => ({ OnBuild: [...((OnBuild as string[] | null | undefined) ?? []), rest] }),
  STOPSIGNAL: (rest) => ({ StopSignal: stopSignalOf(rest) }),
  USER: (rest) => ({ User: rest }),
  VOLUME: (rest, { Volumes }) => ({
    Volumes: { ...(Volumes as object), ...asKeys(jsonWords(rest) ?? words("VOLUME", rest)) },
  }),
  WORKDIR: (rest, { WorkingDir }) => ({ WorkingDir: directoryOf(rest, (WorkingDir as string | undefined) || "/") }),
};

/** The exec form `["a", "b"]`, or the shell form. */
const commandOf = (name: string, rest: string): string[] =>
  rest.startsWith("[") ? (jsonWords(rest) ?? badJson(name, rest)) : ["/bin/sh", "-c", rest];

const badJson = (name: string, rest: string): never => {
  throw new UsageError(`--change: ${name} ${rest} is not a JSON list of strings`, `as in ${name} ["a", "b"]`);
};

function jsonWords(text: string): string[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((word) => typeof word === "string") ? list : undefined;
  } catch {
    return undefined;
  }
}

const asKeys = (names: string[]): Record<string, object> => Object.fromEntries(names.map((name) => [name, {}]));

/** `NAME=value NAME="a value"...`, or the old form `NAME value with spaces`. */
function pairsOf(name: string, rest: string): [string, string][] {
  if (!/^[^\s=]+=/.test(rest.replace(/^(["'])(.*?)\1/, "$2"))) {
    const [, key, value] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    if (key === undefined || value === undefined)
      throw new UsageError(`--change: ${name} ${rest} has no value`, `${name} NAME=value`);
    return [[key, value]];
  }
  return words(name, rest).map((word) => {
    const equals = word.indexOf("=");
    if (equals < 1) throw new UsageError(`--change: ${JSON.stringify(word)} in ${name} is not NAME=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** Words as a shell splits them: quotes hold together, a backslash takes the next character as it is. */
function words(name: string, text: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === "\\" && quote !== "'" && at + 1 < text.length) word = (word ?? "") + text[++at];
    else if (quote !== "" && char === quote) quote = "";
    else if (quote === "" && (char === '"' || char === "'")) {
      quote = char;
      word ??= "";
    } else if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") throw new UsageError(`--change: ${name} ${text} has a quote without its end`);
  if (word !== undefined) found.push(word);
  return found;
}

/** Each variable once: a new value takes the place of the old one. */
function withVariables(env: string[], pairs: [string, string][]): string[] {
  const variables = new Map(env.map((entry) => [entry.split("=", 1)[0] as string, entry]));
  for (const [name, value] of pairs) variables.set(name, `${name}=${value}`);
  return [...variables.values()];
}

/** `80`, `53/udp`, `8000-8002`. */
function portsOf(text: string): string[] {
  const [, first, last, protocol = "tcp"] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last ?? first)];
  if (first === undefined || from < 1 || to > 65535 || to < from)
    throw new UsageError(`--change: ${JSON.stringify(text)} in EXPOSE is not a valid port`, "as in 80 or 53/udp");
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}

function stopSignalOf(text: string): string {
  const name = text.toUpperCase().replace(/^(?!SIG)/, "SIG");
  if (/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return text;
  if (Object.hasOwn(signals, name) || /^SIGRT(MIN|MAX)([+-]\d{1,2})?$/.test(name)) return name;
  throw new UsageError(`--change: ${JSON.stringify(text)} in STOPSIGNAL is not a valid signal`, "as in SIGTERM or 15");
}

const directoryOf = (text: string, current: string): string =>
  text.startsWith("/") ? text : `${current.replace(/\/$/, "")}/${text}`;
