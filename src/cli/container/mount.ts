/** The value of `--mount type=bind|volume|tmpfs|image,source=...,target=...`: comma-separated, keys as Docker's. Pure. */

import { UsageError } from "../../errors.ts";
import type { Mount } from "../../oci/spec.ts";
import type { MountRequest } from "../../plan/mounts.ts";
import { parseTarget } from "../../plan/path.ts";
import { createSourceOption, nocopyOption, subpathOption, writableBelowOption } from "../../plan/rare/mount-options.ts";
import { parseSize } from "../words/units.ts";
import { asHostPath, volumeSource } from "./mount-source.ts";
import { tmpfsOptions } from "./tmpfs.ts";

type Target = Pick<Mount, "destination"> & { readOnly: boolean; text: string; cwd: string };

/** @throws UsageError also for a key that the type does not have */
export function parseMount(text: string, cwd: string): MountRequest {
  const fields = new Fields(text);
  const type = fields.take("type") ?? "volume";
  const target = fields.take("target");
  if (target === undefined)
    throw new UsageError(`--mount: target is missing in ${text || '""'}`, "target=/path/in/container");
  const destination = parseTarget("--mount", target);
  const readOnly = fields.flag("readonly");
  // For macOS; it means nothing here, as with Docker.
  fields.take("consistency");
  const make = Object.hasOwn(makers, type) ? makers[type] : undefined;
  if (!make) throw new UsageError(`--mount: type=${type} is not supported`, `one of ${Object.keys(makers).join(", ")}`);
  const mount = make(fields, { destination, readOnly, text, cwd });
  const unknown = fields.rest();
  if (unknown !== undefined) throw new UsageError(`--mount: unknown key ${JSON.stringify(unknown)} for type=${type}`);
  return mount;
}

const makers: Record<string, (fields: Fields, target: Target) => MountRequest> = {
  volume: (fields, { destination, readOnly }) => {
    const driver = fields.take("volume-driver") ?? "local";
    if (driver !== "local")
      throw new UsageError(`--mount: volume-driver=${driver} is not supported`, "the only driver is local");
    const name = volumeSource("--mount", fields.take("source") ?? "");
    const options = [
      ...(readOnly ? ["ro"] : []),
      ...(fields.flag("volume-nocopy") ? [nocopyOption] : []),
      ...subpathOf(fields, "volume"),
    ];
    const volume = { labels: fields.pairs("volume-label"), options: fields.pairs("volume-opt") };
    const says = Object.keys({ ...volume.labels, ...volume.options }).length > 0;
    return { destination, type: "volume", ...name, options, ...(says && { volume }) };
  },
  image: (fields, { destination, text }) => {
    const source = fields.take("source");
    if (!source) throw new UsageError(`--mount: source is missing in ${text}`, "source=IMAGE");
    if (fields.flag("rw"))
      throw new UsageError(
        "--mount: an image is mounted read-only",
        "leave rw out, or use a volume for what is written",
      );
    return { destination, type: "image", source, options: ["ro", ...subpathOf(fields, "image")] };
  },
  tmpfs: (fields, { destination, readOnly, text }) => {
    const size = fields.take("tmpfs-size");
    const mode = fields.take("tmpfs-mode");
    const words = [
      ...(size === undefined ? [] : [`size=${parseSize("--mount tmpfs-size", size)}`]),
      ...(mode === undefined ? [] : [`mode=${mode}`]),
      ...(readOnly ? ["ro"] : []),
    ];
    return { destination, type: "tmpfs", source: "tmpfs", options: tmpfsOptions("--mount", words, text) };
  },
  bind: (fields, { destination, readOnly, text, cwd }) => {
    const given = fields.take("source");
    if (given === undefined) throw new UsageError(`--mount: source is missing in ${text}`, "source=/path/on/host");
    const source = asHostPath(given, cwd);
    if (source === undefined)
      throw new UsageError(`--mount: source=${given} is not a path of this host`, `source=./${given}, or type=volume`);
    const propagation = fields.take("bind-propagation");
    if (propagation !== undefined && !/^r?(private|shared|slave)$/.test(propagation)) {
      const hint = "private, slave or shared, with or without r";
      throw new UsageError(`--mount: unknown bind-propagation=${propagation}`, hint);
    }
    const options = [
      ...recursion(fields, readOnly),
      ...(propagation ? [propagation] : []),
      ...(fields.flag("bind-create-src") ? [createSourceOption] : []),
      ...(fields.flag("idmap") ? ["idmap"] : []),
    ];
    return { destination, type: "bind", source, options };
  },
};

/** `volume-subpath` or `image-subpath`, and podman's `subpath`. */
function subpathOf(fields: Fields, kind: "volume" | "image"): string[] {
  const subpath = fields.take(`${kind}-subpath`) ?? fields.take("subpath");
  if (subpath === undefined) return [];
  if (subpath === "" || subpath.startsWith("/") || subpath.split("/").includes(".."))
    throw new UsageError(`--mount: ${kind}-subpath=${subpath} is not a path inside the ${kind}`);
  return [`${subpathOption}=${subpath}`];
}

/** Which mounts below the source are shown, and whether they are read-only too: they are, unless somebody says `writable`. */
function recursion(fields: Fields, readOnly: boolean): string[] {
  const nonrecursive = fields.flag("bind-nonrecursive");
  const mode = fields.take("bind-recursive") ?? (nonrecursive ? "disabled" : "enabled");
  if (!["enabled", "disabled", "writable", "readonly"].includes(mode))
    throw new UsageError(`--mount: unknown bind-recursive=${mode}`, "enabled, disabled, writable or readonly");
  if ((mode === "writable" || mode === "readonly") && !readOnly)
    throw new UsageError(`--mount: bind-recursive=${mode} is about a mount that is readonly`);
  const access = readOnly ? ["ro"] : [];
  return [mode === "disabled" ? "bind" : "rbind", ...access, ...(mode === "writable" ? [writableBelowOption] : [])];
}

const aliases: Record<string, string> = { src: "source", dst: "target", destination: "target", ro: "readonly" };

/** The fields of one value, which are taken one by one until none is left. */
class Fields {
  private readonly entries: [key: string, value: string | undefined][];

  constructor(text: string) {
    this.entries = splitCsv(text).map((field) => {
      const equals = field.indexOf("=");
      const key = equals < 0 ? field : field.slice(0, equals);
      return [aliases[key] ?? key, equals < 0 ? undefined : field.slice(equals + 1)];
    });
  }

  /** The last of that name, if there is one. */
  take(key: string): string | undefined {
    const found = this.entries.filter(([name]) => name === key);
    this.forget(key);
    return found.length > 0 ? (found.at(-1)![1] ?? "true") : undefined;
  }

  /** `key`, `key=true` or `key=false`, in Docker's spellings. */
  flag(key: string): boolean {
    const value = this.take(key) ?? "false";
    if (/^(true|1)$/.test(value)) return true;
    if (/^(false|0)$/.test(value)) return false;
    throw new UsageError(`--mount: ${key} is true or false, not ${JSON.stringify(value)}`);
  }

  /** All of `key=name=value`. */
  pairs(key: string): Record<string, string> {
    const found = this.entries.filter(([name]) => name === key);
    this.forget(key);
    return Object.fromEntries(
      found.map(([, text = ""]) => {
        const equals = text.indexOf("=");
        return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
      }),
    );
  }

  rest(): string | undefined {
    return this.entries[0]?.[0];
  }

  private forget(key: string): void {
    for (let at = this.entries.length - 1; at >= 0; at--) if (this.entries[at]![0] === key) this.entries.splice(at, 1);
  }
}

/** Fields with commas between, as in a CSV file: one that is in quotes may have commas, and quotes twice. */
function splitCsv(text: string): string[] {
  const fields: string[] = [];
  for (let rest = `,${text}`; rest !== ""; ) {
    const match = /^,(?:"((?:[^"]|"")*)"(?=,|$)|([^,"]*)(?=,|$))/s.exec(rest);
    if (!match) throw new UsageError(`--mount: a quote stands where none can in ${text}`, `"a field in quotes",next=1`);
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    rest = rest.slice(match[0].length);
  }
  return fields;
}
