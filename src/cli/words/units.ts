/** Option values: sizes, CPUs, names, environment. Strict, and checked before anything is touched. Pure. */

import { UsageError } from "../../errors.ts";

const scale: Record<string, number> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/**
 * A size as Docker reads it, in bytes: `64m`, `1.5g`, `512k`, `100b`. Units are powers of 1024.
 * @param bare what a number without a unit counts in: "m" for --memory.
 */
export function parseSize(option: string, text: string, bare: "" | "m" = ""): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(i?b)?$/i.exec(text.trim());
  if (!match)
    throw new UsageError(`${option}: ${JSON.stringify(text)} is not a valid size`, "a number and b, k, m or g: 64m");
  const unit = match[2]!.toLowerCase() || (match[3] ? "" : bare);
  const bytes = Math.floor(Number(match[1]) * scale[unit]!);
  if (!Number.isSafeInteger(bytes)) {
    const docker =
      bare && !match[2] && !match[3] ? `a bare number is MB; in bytes, as Docker reads it: ${text}b` : undefined;
    throw new UsageError(`${option}: ${text} is too large`, docker);
  }
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
  if (Number.isNaN(cpus))
    throw new UsageError(`--cpus: ${JSON.stringify(text)} is not a valid number of CPUs`, "as in 1.5");
  if (cpus > 0 && cpus < 0.01) throw new UsageError(`--cpus: ${text} is less than the 0.01 that the kernel can give`);
  if (cpus > 8192) throw new UsageError(`--cpus: ${text} is more than any machine has`);
  return cpus;
}

/** `--pids-limit`; 0 and -1 are unlimited. */
export function parsePidsLimit(text: string): number {
  if (text === "-1") return 0;
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`--pids-limit: ${JSON.stringify(text)} is not a valid number of processes`);
  return Number(text);
}

/** `--hostname` by RFC 1123, at most 64 bytes: the kernel's limit. */
export function parseHostname(text: string): string {
  if (text.length <= 64 && /^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/.test(text)) return text;
  throw new UsageError(
    `--hostname: ${JSON.stringify(text)} is not a valid host name`,
    "letters, digits, dots and dashes, at most 64",
  );
}

const longestShown = 64;
const inShort = (text: string): string =>
  text.length > longestShown ? `${JSON.stringify(text.slice(0, longestShown))}...` : JSON.stringify(text);

/** `--name`, by Docker's pattern. */
export function parseName(text: string, option = "--name"): string {
  // Docker's API has names with a slash before them, and takes them so.
  const name = text.replace(/^\//, "");
  if (name.length <= 128 && /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return name;
  throw new UsageError(
    `${option}: ${inShort(text)} is not a valid container name`,
    "2 to 128 of a-z A-Z 0-9 _ . -, beginning with a letter or digit",
  );
}

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

/** `--user`: a name or number, and after a colon a group; without the user it is root. */
export function parseUser(text: string): string {
  if (/^([^:\0\n]+(:[^:\0\n]*)?|:[^:\0\n]+)$/.test(text)) return text;
  throw new UsageError(`--user: ${JSON.stringify(text)} is not USER or USER:GROUP`);
}

/** `--workdir`: an absolute path inside the container. */
export function parseWorkdir(text: string): string {
  if (text.startsWith("/") && !text.includes("\0")) return text;
  throw new UsageError(`--workdir: ${JSON.stringify(text)} is not an absolute path`);
}
