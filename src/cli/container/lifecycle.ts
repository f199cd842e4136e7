/** Option values about a container's life: restarts, logs, signals, streams, keys. Strict, and checked before anything is touched. */

import type { PullPolicy } from "../../engine/container/request.ts";
import type { LogFields, LogSettings, RestartPolicy, Stream } from "../../engine/record/container.ts";
import { UsageError } from "../../errors.ts";
import { parseSignal } from "../../linux/signal-name.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Platform } from "../../oci/manifest.ts";
import { facilities, journalSocket, syslogSocket } from "../../runtime/log-forward.ts";
import { parseSize } from "../words/units.ts";
import { defaultDetachKeys, defaultLog } from "./defaults.ts";

const policies: RestartPolicy["name"][] = ["no", "always", "unless-stopped", "on-failure"];

/** `--restart no|always|unless-stopped|on-failure[:tries]`. */
export function parseRestart(text = "no"): RestartPolicy {
  const [word, tries, ...more] = text.split(":");
  const name = policies.find((policy) => policy === (word || "no"));
  if (!name || more.length > 0)
    throw new UsageError(
      `--restart: ${JSON.stringify(text)} is not a valid restart policy`,
      `one of ${policies.join(", ")}`,
    );
  if (tries === undefined) return { name, maximumRetries: 0 };
  if (name === "on-failure" && !/^\d{1,9}$/.test(tries))
    throw new UsageError(`--restart: ${JSON.stringify(tries)} is not a number of tries`, "on-failure:3");
  if (name !== "on-failure")
    throw new UsageError(`--restart: ${JSON.stringify(text)}: only on-failure has a number of tries`, "on-failure:3");
  return { name, maximumRetries: Number(tries) };
}

const drivers: LogSettings["driver"][] = ["local", "json-file", "none", "journald", "syslog"];
const logOptionHint =
  "max-size=10m, max-file=3, tag=TEMPLATE, labels=KEYS, env=NAMES; with syslog also syslog-facility";

/** `--log-driver` and `--log-opt`. Bounded also where nothing is said: Docker's default fills the disk. */
export function parseLog(driverName = "local", options: string[] = []): LogSettings {
  const driver = drivers.find((name) => name === driverName);
  if (!driver) {
    const known = `one of ${drivers.join(", ")}`;
    throw new UsageError(`--log-driver: ${JSON.stringify(driverName)} is not supported`, known);
  }
  const socket = { journald: journalSocket, syslog: syslogSocket }[driver as string];
  if (socket !== undefined && !statIfAny(socket))
    throw new UsageError(`--log-driver: this host has no ${driver}: there is no ${socket}`);
  const log: LogSettings = { ...defaultLog, driver };
  const fields: LogFields = {};
  for (const option of options) {
    const equals = option.indexOf("=");
    const [name, value] = [option.slice(0, equals), option.slice(equals + 1)];
    if (equals < 1) throw new UsageError(`--log-opt: ${JSON.stringify(option)} is not name=value`, logOptionHint);
    if (name === "max-size") log.maxBytes = parseLogSize(value);
    else if (name === "max-file" && /^[1-9]\d{0,3}$/.test(value)) log.maxFiles = Number(value);
    else if (name === "tag") fields.tag = parseTag(value);
    else if (name === "labels" || name === "env") fields[name] = value.split(",").filter(Boolean);
    else if (name === "syslog-facility" && driver === "syslog") fields.facility = parseFacility(value);
    else if (!isAsItIs(name, value))
      throw new UsageError(`--log-opt: ${JSON.stringify(option)} is not supported`, logOptionHint);
  }
  return Object.keys(fields).length > 0 ? { ...log, fields } : log;
}

/** What Docker's options say that is so here anyway: files stay as they are, and the container waits for its log. */
const isAsItIs = (name: string, value: string): boolean =>
  (name === "compress" && value === "false") || (name === "mode" && value === "blocking");

function parseTag(text: string): string {
  const { unknownInTag } =
    require("../../engine/container/log-fields.ts") as typeof import("../../engine/container/log-fields.ts");
  const unknown = unknownInTag(text);
  if (unknown === undefined) return text;
  const hint = "{{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageName}}, {{.ImageID}}, {{.ImageFullID}} or {{.DaemonName}}";
  throw new UsageError(`--log-opt tag: ${JSON.stringify(unknown)} is not a field`, hint);
}

function parseFacility(text: string): string {
  const known = facilities.filter((name) => name !== "");
  const name = /^\d{1,2}$/.test(text) ? facilities[Number(text)] : known.find((one) => one === text);
  if (name) return name;
  throw new UsageError(`--log-opt syslog-facility: ${JSON.stringify(text)} is not known`, `one of ${known.join(", ")}`);
}

/** As Docker's: a file has a line at least, however little it is to have. */
function parseLogSize(text: string): number {
  if (text === "-1") return Number.MAX_SAFE_INTEGER;
  const bytes = parseSize("--log-opt max-size", text);
  if (bytes === 0) throw new UsageError("--log-opt max-size: 0 leaves no room for a line", "-1 is unlimited");
  return bytes;
}

/** `--stop-signal` and the like: checked, and kept as it was written. */
export function parseStopSignal(text: string): string {
  parseSignal(text, "--stop-signal");
  return text;
}

/** Whole seconds; -1 is for ever. */
export function parseSeconds(option: string, text: string): number {
  if (!/^(-1|\d{1,9})$/.test(text))
    throw new UsageError(
      `${option}: ${JSON.stringify(text)} is not a valid number of seconds`,
      "0 and up, -1 is for ever",
    );
  return Number(text);
}

/** `--timeout` in seconds; 0 is never. */
export function parseTimeout(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--timeout: ${JSON.stringify(text)} is not a valid number of seconds`, "0 is never");
}

/** `--pull`; "missing" is what nothing said means. */
export function parsePull(text: string): PullPolicy | undefined {
  if (text === "missing") return undefined;
  if (text === "always" || text === "newer" || text === "never") return text;
  throw new UsageError(`--pull: ${JSON.stringify(text)} is not supported`, "always, missing, never or newer");
}

const controlKeys = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/** `--detach-keys ctrl-p,ctrl-q` as the bytes that a terminal sends for them; "" for none. */
export function parseDetachKeys(text: string | undefined): Uint8Array {
  if (text === undefined) return defaultDetachKeys;
  if (text === "") return new Uint8Array(0);
  return Uint8Array.from(text.split(","), (key) => {
    const control = key.startsWith("ctrl-") && key.length === 6 ? controlKeys.indexOf(key.slice(5).toLowerCase()) : -1;
    if (control >= 0) return control;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    const hint = "ctrl-p,ctrl-q: keys with commas between, each one character or ctrl- and one";
    throw new UsageError(`--detach-keys: ${JSON.stringify(key)} is not a valid key`, hint);
  });
}

const streams: Stream[] = ["stdin", "stdout", "stderr"];

/** `--attach`: which streams of a container the caller is attached to. */
export function parseAttach(texts: string[]): Stream[] {
  const named = new Set(texts.map((text) => text.toLowerCase()));
  const unknown = [...named].find((name) => !streams.some((stream) => stream === name));
  if (unknown !== undefined)
    throw new UsageError(`--attach: ${JSON.stringify(unknown)} is not a stream`, "stdin, stdout or stderr");
  return streams.filter((stream) => named.has(stream));
}

interface Given {
  attach: string[];
  interactive?: boolean | undefined;
  tty?: boolean | undefined;
  detach?: boolean | undefined;
}

/**
 * What `--attach` means for a run: stdin is the container's only if it is named, and of stdout and stderr the one that is not
 * named goes into the log alone.
 */
export function attached({ attach, interactive, tty, detach }: Given): {
  interactive: boolean;
  tty: boolean | undefined;
  unseen: (1 | 2)[];
} {
  const named = parseAttach(attach);
  const stdin = named.includes("stdin");
  if (detach)
    throw new UsageError("--attach and --detach cannot be combined: a detached container has nobody attached");
  if (interactive !== undefined && interactive !== stdin)
    throw new UsageError(
      interactive ? "--interactive keeps stdin open, and --attach leaves it out" : "--attach stdin needs --interactive",
      interactive ? "--attach stdin as well" : "leave --interactive=false out",
    );
  const whole = stdin && named.includes("stdout");
  if (tty && !whole)
    throw new UsageError(
      "--tty and --attach without stdin and stdout cannot be combined: a terminal is both",
      "-a stdin -a stdout",
    );
  const unseen = ([1, 2] as const).filter((number) => !named.includes(streams[number]!));
  return { interactive: stdin, tty: tty ?? (whole ? undefined : false), unseen };
}

/** `--platform`. */
export const parsePlatformOption = (text: string): Partial<Platform> =>
  (require("../../image/platform.ts") as typeof import("../../image/platform.ts")).parsePlatform("--platform", text);
