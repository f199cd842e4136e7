/**
 * The device rules of a container as properties of its unit. The filter that decides is our own (plan/device): systemd's stands
 * beside it, and may never forbid what that one allows. Pure.
 */

import { type Property, property } from "./property.ts";

/** What anything of a kind is called. */
const everything = { b: ["block-*"], c: ["char-*"], a: ["char-*", "block-*"] };
/** Kinds of devices that systemd has a name for: it takes no number that stands for all of a major one. */
const families: Record<string, string> = { "c 136": "char-pts" };

const allowed = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]+)$/;

/**
 * @param rules as plan/device/rules.ts has them; undefined where nothing is forbidden.
 * @returns the properties, also of a unit that has had others; systemd allows all where it has no word for one of the rules.
 */
export function deviceProperties(rules: readonly string[] | undefined): Property[] {
  const [first, ...others] = rules ?? [];
  const entries = first === "deny a *:* rwm" ? entriesOf(others) : undefined;
  return [
    property("DevicePolicy", "s", entries ? "strict" : "auto"),
    property("DeviceAllow", "a(ss)", []),
    ...(entries ? [property("DeviceAllow", "a(ss)", entries)] : []),
  ];
}

function entriesOf(rules: string[]): [string, string][] | undefined {
  const all = new Map<string, string>();
  for (const rule of rules) {
    const [, type, major = "", minor = "", access = ""] = allowed.exec(rule) ?? [];
    const names = type && namesOf(type as "a" | "b" | "c", major, minor);
    if (!names) return undefined;
    // An access has to be allowed by one entry as a whole.
    for (const name of names) all.set(name, union(all.get(name), access));
  }
  return [...all];
}

function namesOf(type: "a" | "b" | "c", major: string, minor: string): string[] | undefined {
  if (major === "*") return minor === "*" ? everything[type] : undefined;
  const family = families[`${type} ${major}`];
  if (minor === "*" || type === "a") return minor === "*" && family ? [family] : undefined;
  return [`/dev/${type === "c" ? "char" : "block"}/${major}:${minor}`];
}

const union = (before = "", more: string): string =>
  [..."rwm"].filter((letter) => before.includes(letter) || more.includes(letter)).join("");
