/** `--tmpfs PATH[:OPTIONS]`: the options of tmpfs(5) and of mount(8), as Docker and podman take them. Pure. */

import { UsageError } from "../../errors.ts";
import type { Mount } from "../../oci/spec.ts";
import { parseTarget } from "../../plan/path.ts";

export function parseTmpfs(text: string): Mount {
  const colon = text.indexOf(":");
  const path = colon < 0 ? text : text.slice(0, colon);
  const words = (colon < 0 ? "" : text.slice(colon + 1)).split(",").filter(Boolean);
  const destination = parseTarget("--tmpfs", path);
  return { destination, type: "tmpfs", source: "tmpfs", options: tmpfsOptions("--tmpfs", words, text) };
}

/** What `--read-only-tmpfs` adds: where programs write that keep nothing, but where the user has mounted something. */
export function withTmpfs<Request extends Mount>(mounts: Request[], readOnly: boolean): (Request | Mount)[] {
  if (!readOnly) throw new UsageError("--read-only-tmpfs needs --read-only");
  const free = ["/run", "/tmp", "/var/tmp"].filter((path) => !mounts.some(({ destination }) => destination === path));
  return [...mounts, ...free.map((path) => parseTmpfs(`${path}:exec,mode=${path === "/run" ? "755" : "1777"}`))];
}

/** What each takes away of what was said before it. */
const opposites: Record<string, RegExp> = {
  ro: /^rw$/,
  rw: /^ro$/,
  nosuid: /^suid$/,
  suid: /^nosuid$/,
  nodev: /^dev$/,
  dev: /^nodev$/,
  noexec: /^exec$/,
  exec: /^noexec$/,
  noatime: /^(rel|strict)atime$/,
  relatime: /^(no|strict)atime$/,
  strictatime: /^(no|rel)atime$/,
  nodiratime: /^diratime$/,
  diratime: /^nodiratime$/,
};

/** What mount(8) knows and a tmpfs takes no notice of. */
const withoutEffect = /^(a?sync|dirsync|atime|norelatime|nostrictatime|r?private|notmpcopyup|defaults)$/;
const valued: [RegExp, string][] = [
  [/^size=(\d+(\.\d+)?[kmgt]?b?|\d{1,3}%)$/i, "size=64m or size=50%"],
  [/^mode=0?[0-7]{1,4}$/, "mode=1777"],
  [/^[ug]id=\d{1,10}$/, "uid=1000"],
  [/^nr_(inodes|blocks)=\d+[kmgKMG]?$/, "nr_inodes=10k"],
  [/^huge=(never|always|within_size|advise)$/, "huge=advise"],
  [/^mpol=[a-z]+(=[a-z]+)?(:[0-9,-]+)?$/, "mpol=local"],
];

/** With Docker's defaults, of which the user can say the opposite. Of two that say the same thing, the last counts. */
export function tmpfsOptions(option: string, words: readonly string[], text: string): string[] {
  const options = new Map<string, string>();
  for (const word of ["noexec", "nosuid", "nodev", ...words]) {
    if (word === "tmpcopyup")
      throw new UsageError(`${option}: tmpcopyup is not supported`, "a volume is filled from the image: --volume PATH");
    if (withoutEffect.test(word)) continue;
    const [key = word] = word.split("=", 1);
    if (Object.hasOwn(opposites, word)) {
      for (const other of options.keys()) if (opposites[word]!.test(other)) options.delete(other);
    } else checkValue(option, word, key, text);
    options.delete(key);
    options.set(key, key === "size" ? sizeOf(word) : word);
  }
  return [...options.values()];
}

function checkValue(option: string, word: string, key: string, text: string): void {
  if (valued.some(([pattern]) => pattern.test(word))) return;
  const [, hint] = valued.find(([, example]) => example.startsWith(`${key}=`)) ?? [];
  if (hint !== undefined)
    throw new UsageError(`${option}: ${JSON.stringify(word)} in ${text} has no valid value`, hint);
  throw new UsageError(`${option}: unknown option ${JSON.stringify(word)} in ${text}`, "as in size=64m,mode=1777");
}

const units: Record<string, number> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** The kernel reads whole numbers only: `size=1.5g` is 1610612736. */
function sizeOf(word: string): string {
  const [, number = "", unit = ""] = /^size=(\d+\.\d+)([kmgt]?)b?$/i.exec(word) ?? [];
  if (number === "") return word.replace(/b$/i, "");
  return `size=${Math.floor(Number(number) * (units[unit.toLowerCase()] ?? 1))}`;
}
