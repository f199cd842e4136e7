/** Option values: sizes, CPUs, mounts, environment. Strict, and checked before anything is touched. Pure. */

import { UsageError } from "../errors.ts";
import type { Mount } from "../oci/spec.ts";
import { createSourceOption, parseTarget } from "../plan/mounts.ts";

const scale: Record<string, number> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/**
 * A size as Docker reads it, in bytes: `64m`, `1.5g`, `512k`, `100b`. Units are powers of 1024.
 * @param bare what a number without a unit counts in: "m" for --memory.
 */
export function parseSize(option: string, text: string, bare: "" | "m" = ""): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(i?b)?$/i.exec(text.trim());
  if (!match) throw new UsageError(`${option}: ${JSON.stringify(text)} is no size`, "a number and b, k, m or g: 64m");
  const unit = match[2]!.toLowerCase() || (match[3] ? "" : bare);
  const bytes = Math.floor(Number(match[1]) * scale[unit]!);
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${option}: ${text} is too large`);
  return bytes;
}

/** The least memory a container can start with; Docker's too. */
const leastMemory = 6 << 20;

/** `--memory` in bytes; a bare number is MB, 0 is unlimited. */
export function parseMemory(text: string): number {
  const bytes = parseSize("--memory", text, "m");
  if (bytes > 0 && bytes < leastMemory)
    throw new UsageError(`--memory: ${text} is less than the 6 MB a container needs`);
  return bytes;
}

/**
 * `--cpus` in cores; 0 is unlimited.
 * @throws UsageError below 0.01 cores: the kernel answers EINVAL to quotas under 1 ms.
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
 */
export function parseCpus(text: string): number {
  const cpus = /^\d+(\.\d+)?$|^\.\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(cpus)) throw new UsageError(`--cpus: ${JSON.stringify(text)} is no number of CPUs`, "as in 1.5");
  if (cpus > 0 && cpus < 0.01) throw new UsageError(`--cpus: ${text} is less than the 0.01 that the kernel can give`);
  if (cpus > 8192) throw new UsageError(`--cpus: ${text} is more than any machine has`);
  return cpus;
}

/** `--pids-limit`; 0 and -1 are unlimited. */
export function parsePidsLimit(text: string): number {
  if (text === "-1") return 0;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--pids-limit: ${JSON.stringify(text)} is no number of processes`);
  return Number(text);
}

/** `--hostname` by RFC 1123, at most 64 bytes: the kernel's limit. */
export function parseHostname(text: string): string {
  if (text.length <= 64 && /^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/.test(text)) return text;
  throw new UsageError(
    `--hostname: ${JSON.stringify(text)} is no host name`,
    "letters, digits, dots and dashes, at most 64",
  );
}

/** `--name`, by Docker's pattern. */
export function parseName(text: string): string {
  if (text.length <= 128 && /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(text)) return text;
  throw new UsageError(
    `--name: ${JSON.stringify(text)} is no container name`,
    "two or more of [a-zA-Z0-9_.-], no sign first",
  );
}

const volumeOptions = /^(ro|rw|z|Z|nosuid|nodev|noexec|r?bind|r?(private|shared|slave))$/;

/** `--volume HOST:CONTAINER[:OPTION,...]`: a bind mount; its directory is made on the host if it is not there. */
export function parseVolume(text: string, cwd: string): Mount {
  const [source = "", destination, options = "", more] = text.split(":");
  if (destination === undefined || source === "" || more !== undefined) {
    throw new UsageError(`--volume: ${JSON.stringify(text)} is not HOST:CONTAINER[:OPTIONS]`);
  }
  const words = options.split(",").filter(Boolean);
  if (words.includes("ro") && words.includes("rw")) throw new UsageError(`--volume: both ro and rw in ${text}`);
  const unknown = words.find((word) => !volumeOptions.test(word));
  if (unknown)
    throw new UsageError(`--volume: unknown option ${JSON.stringify(unknown)} in ${text}`, "ro, rw or a propagation");
  return {
    destination: parseTarget("--volume", destination),
    type: "bind",
    source: hostPath("--volume", source, cwd),
    // z and Z relabel for SELinux, which a container without its own label does not need.
    options: [...words.filter((word) => !/^[zZ]$/.test(word)), createSourceOption],
  };
}

/** A path of the host: absolute, or beginning with a dot. A bare word would be the name of a volume. */
function hostPath(option: string, path: string, cwd: string): string {
  if (path.startsWith("/")) return path;
  if (/^\.\.?(\/|$)/.test(path)) return `${cwd}/${path}`;
  throw new UsageError(
    `${option}: named volumes are not supported yet: ${JSON.stringify(path)}`,
    `for a directory here: ./${path}`,
  );
}

/** `--tmpfs PATH[:OPTIONS]`, with Docker's defaults. */
export function parseTmpfs(text: string): Mount {
  const colon = text.indexOf(":");
  const path = colon < 0 ? text : text.slice(0, colon);
  const options =
    colon < 0
      ? []
      : text
          .slice(colon + 1)
          .split(",")
          .filter(Boolean);
  const unknown = options.find(
    (word) =>
      !/^(ro|rw|nosuid|suid|nodev|dev|noexec|exec|size=\d+(\.\d+)?[kmgKMG%]?|mode=[0-7]{3,4}|(uid|gid)=\d+|(nr_inodes|nr_blocks)=\d+[kmgKMG]?)$/.test(
        word,
      ),
  );
  if (unknown)
    throw new UsageError(`--tmpfs: unknown option ${JSON.stringify(unknown)} in ${text}`, "as in size=64m,mode=1777");
  // What the user says takes the place of its opposite.
  const defaults = ["noexec", "nosuid", "nodev"].filter((word) => !options.includes(word.slice(2)));
  return {
    destination: parseTarget("--tmpfs", path),
    type: "tmpfs",
    source: "tmpfs",
    options: [...new Set([...defaults, ...options])],
  };
}

/** `--mount type=bind|tmpfs,source=...,target=...`: comma-separated, keys as Docker's. */
export function parseMount(text: string, cwd: string): Mount {
  const fields = new Map<string, string>();
  for (const field of text.split(",")) {
    const equals = field.indexOf("=");
    const [key, value] = equals < 0 ? [field, "true"] : [field.slice(0, equals), field.slice(equals + 1)];
    fields.set(mountKeys[key] ?? key, value);
  }
  const take = (key: string) => {
    const value = fields.get(key);
    fields.delete(key);
    return value;
  };
  const type = take("type") ?? "volume";
  const target = take("target");
  if (target === undefined) throw new UsageError(`--mount: target is missing in ${text}`, "target=/path/in/container");
  const destination = parseTarget("--mount", target);
  const readonly = parseFlag(take("readonly")) ? ["ro"] : [];
  const mount = makeMount();
  const [unknown] = fields.keys();
  if (unknown !== undefined) throw new UsageError(`--mount: unknown key ${JSON.stringify(unknown)} for type=${type}`);
  return mount;

  function makeMount(): Mount {
    if (type === "tmpfs") {
      const size = take("tmpfs-size");
      const mode = take("tmpfs-mode");
      const sizes = size === undefined ? [] : [`size=${parseSize("--mount tmpfs-size", size)}`];
      if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode))
        throw new UsageError(`--mount: tmpfs-mode=${mode} is not octal`);
      const options = ["noexec", "nosuid", "nodev", ...sizes, ...(mode ? [`mode=${mode}`] : []), ...readonly];
      return { destination, type, source: "tmpfs", options };
    }
    if (type !== "bind") throw new UsageError(`--mount: type=${type} is not supported yet`, "type=bind or type=tmpfs");
    const source = take("source");
    if (source === undefined) throw new UsageError(`--mount: source is missing in ${text}`, "source=/path/on/host");
    const propagation = take("bind-propagation");
    if (propagation !== undefined && !/^r?(private|shared|slave)$/.test(propagation)) {
      throw new UsageError(
        `--mount: unknown bind-propagation=${propagation}`,
        "private, slave or shared, with or without r",
      );
    }
    const recursion = parseFlag(take("bind-nonrecursive")) ? "bind" : "rbind";
    const options = [recursion, ...readonly, ...(propagation ? [propagation] : [])];
    return { destination, type, source: hostPath("--mount", source, cwd), options };
  }
}

const mountKeys: Record<string, string> = { src: "source", dst: "target", destination: "target", ro: "readonly" };

const parseFlag = (text: string | undefined): boolean => text === "true" || text === "1";

/** `--env NAME=value`, or `NAME` for the caller's own value; nothing if the caller has none. */
export function parseEnv(option: string, text: string, caller: Record<string, string | undefined>): string[] {
  const name = text.split("=", 1)[0]!;
  if (name === "") throw new UsageError(`${option}: ${JSON.stringify(text)} has no name`, "NAME=value or NAME");
  if (text.includes("\0"))
    throw new UsageError(`${option}: ${JSON.stringify(text)} has a NUL in it, which would end it early`);
  if (text.includes("=")) return [text];
  const value = Object.hasOwn(caller, name) ? caller[name] : undefined;
  return value === undefined ? [] : [`${name}=${value}`];
}

/** The lines of an `--env-file`: as --env, with comments (#) and empty lines. */
export function parseEnvFile(file: string, text: string, caller: Record<string, string | undefined>): string[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const entry = line.trimStart();
    if (entry === "" || entry.startsWith("#")) return [];
    const name = entry.split("=", 1)[0]!;
    if (/\s/.test(name))
      throw new UsageError(`--env-file ${file}, line ${index + 1}: white space in the name ${JSON.stringify(name)}`);
    return parseEnv(`--env-file ${file}, line ${index + 1}`, entry, caller);
  });
}

/** Mounts of all kinds together: no two on one target. */
export function distinctTargets(mounts: Mount[]): Mount[] {
  const seen = new Set<string>();
  for (const { destination } of mounts) {
    if (seen.has(destination)) throw new UsageError(`two mounts on ${destination}`, "each needs a target of its own");
    seen.add(destination);
  }
  return mounts;
}

/** `--user`: a name or number, and after a colon a group. */
export function parseUser(text: string): string {
  if (/^[^:\0\n]+(:[^:\0\n]+)?$/.test(text)) return text;
  throw new UsageError(`--user: ${JSON.stringify(text)} is not USER or USER:GROUP`);
}

/** `--workdir`: an absolute path inside the container. */
export function parseWorkdir(text: string): string {
  if (text.startsWith("/") && !text.includes("\0")) return text;
  throw new UsageError(`--workdir: ${JSON.stringify(text)} is not an absolute path`);
}
