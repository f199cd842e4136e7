/** Platforms of images, as `linux/amd64/v3`: which of them this machine runs, and which of several is the best. */

import { ConflictError, UsageError } from "../errors.ts";
import { readFileIfAny } from "../linux/file.ts";
import { hostArchitecture } from "../oci/image.ts";
import type { Platform } from "../oci/manifest.ts";

/**
 * What a processor must have for each level above the first, as Linux calls it.
 * @see https://gitlab.com/x86-psABIs/x86-64-ABI
 */
const levels = [
  ["cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"],
  ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"],
  ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
];

let known: number | undefined;

/** The variant of the architecture that this machine's processor is: 3 for amd64/v3, 8 for arm64/v8. */
function hostLevel(): number {
  if (hostArchitecture === "arm64") return 8;
  if (known !== undefined) return known;
  const [, flags = ""] = /^flags\s*:(.*)$/m.exec(readFileIfAny("/proc/cpuinfo") ?? "") ?? [];
  const has = new Set(flags.split(" "));
  const missing = levels.findIndex((words) => !words.every((word) => has.has(word)));
  known = missing === -1 ? levels.length + 1 : missing + 1;
  return known;
}

/** An image that names no variant is for the least that there is. */
const levelOf = ({ variant }: Pick<Platform, "variant">): number => {
  const [, digits] = /^v(\d+)/.exec(variant ?? "") ?? [];
  return digits === undefined ? (hostArchitecture === "arm64" ? 8 : 1) : Number(digits);
};

/** True for what the processor of this machine can run. */
export const isForHost = (platform: Platform): boolean =>
  platform.os === "linux" && platform.architecture === hostArchitecture && levelOf(platform) <= hostLevel();

/** The one that makes the most of this machine; the first of equals. */
export function bestForHost<Item>(items: readonly Item[], platformOf: (item: Item) => Platform | undefined) {
  let best: { item: Item; level: number } | undefined;
  for (const item of items) {
    const platform = platformOf(item);
    if (!platform || !isForHost(platform)) continue;
    const level = levelOf(platform);
    if (!best || level > best.level) best = { item, level };
  }
  return best?.item;
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant ? [variant] : [])].join("/");

/** What uname(2) and users call an architecture, as Go calls it. */
const spellings: Record<string, [architecture: string, variant?: string]> = {
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  i386: ["386"],
  i686: ["386"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

/** A platform on a command line: `linux/arm64`, `linux/arm/v7`, `arm64`, `linux`. @throws UsageError */
export function parsePlatform(option: string, text: string): Partial<Platform> {
  const parts = text.toLowerCase().split("/");
  if (text === "" || parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]+$/.test(part)))
    throw new UsageError(
      `${option}: ${JSON.stringify(text)} is not a valid platform`,
      "as in linux/amd64 or linux/arm/v7",
    );
  const [first = "", second, third] = parts;
  if (parts.length === 1 && systems.has(first)) return { os: first };
  if (parts.length === 1 && !architectures.has(first) && !Object.hasOwn(spellings, first))
    throw new UsageError(
      `${option}: ${JSON.stringify(text)} is neither an operating system nor an architecture`,
      "as in linux/amd64 or linux/arm/v7",
    );
  const [os, word] = parts.length === 1 ? [undefined, first] : [first, second!];
  const [architecture, usual] = Object.hasOwn(spellings, word) ? spellings[word]! : [word];
  const variant = third ?? usual;
  return { ...(os !== undefined && { os }), architecture, ...(variant !== undefined && { variant }) };
}

const systems = new Set(["linux", "windows", "darwin", "freebsd"]);
/** Those that images are made for, as Go calls them. */
const architectures = new Set(
  "386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x wasm".split(" "),
);

/** True if an image is what was asked for; a variant counts where it was named, and v8 of arm64 is what arm64 is. */
export function isAskedFor(asked: Partial<Platform>, image: Platform): boolean {
  if (asked.os !== undefined && asked.os !== image.os) return false;
  if (asked.architecture !== undefined && asked.architecture !== image.architecture) return false;
  return asked.variant === undefined || variantOf({ ...image, variant: asked.variant }) === variantOf(image);
}

const host: Platform = { os: "linux", architecture: hostArchitecture };

/** @throws ConflictError for an image that is for another platform than was asked for */
export function checkPlatform(
  name: string,
  asked: Partial<Platform>,
  image = host,
  hint = "load the image of that platform under another name",
): void {
  if (isAskedFor(asked, image)) return;
  throw new ConflictError(`${name} is for ${formatPlatform(image)}, not for ${formatAsked(asked, image)}`, hint);
}

/** @param beside says what was not asked for. */
export const formatAsked = (asked: Partial<Platform>, beside = host): string =>
  formatPlatform({ os: beside.os, architecture: beside.architecture, ...asked });

const usualVariants: Record<string, string> = { amd64: "v1", arm64: "v8", arm: "v7" };
const variantOf = ({ architecture, variant }: Platform): string | undefined => variant || usualVariants[architecture];
