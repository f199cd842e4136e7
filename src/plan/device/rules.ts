/**
 * Which devices a container may open and make, as rules in the kernel's words: `c 1:3 rwm` allows, `deny a *:* rwm` forbids. Of
 * each letter that is asked for, the last rule that speaks of it counts; what no rule speaks of is forbidden. Pure.
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/devices.html
 */

import { InvalidError } from "../../errors.ts";
import type { DeviceRule } from "../../oci/rare.ts";
import { always, defaultDeviceRules, denyAll } from "./default-rules.ts";

/** The rules of a container, the first first; undefined where nothing is forbidden. @throws InvalidError */
export function planDeviceRules(rules: DeviceRule[]): readonly string[] | undefined {
  const last = rules.findLastIndex(isAboutAll);
  const own = rules.slice(last + 1);
  if (rules[last]?.allow !== true)
    return own.length === 0 ? defaultDeviceRules : [denyAll, ...own.map(deviceRuleText), ...always];
  return own.every(({ allow }) => allow) ? undefined : ["a *:* rwm", ...own.map(deviceRuleText), ...always];
}

/** What came before it does not count. */
const isAboutAll = (rule: DeviceRule): boolean => /^a \*:\* (?=.*r)(?=.*w)(?=.*m)/.test(textOf(rule));

const largest = 0xffffffff;

function deviceRuleText(rule: DeviceRule): string {
  for (const name of ["major", "minor"] as const)
    if ((rule[name] ?? 0) > largest) throw new InvalidError(`device rule: ${name} ${rule[name]} is no device's`);
  return rule.allow ? textOf(rule) : `deny ${textOf(rule)}`;
}

/** What is left out is everything; so is -1, which Docker writes. */
function textOf({ type = "a", major = -1, minor = -1, access = "" }: DeviceRule): string {
  const number = (value: number) => (value < 0 ? "*" : String(value));
  return `${type} ${number(major)}:${number(minor)} ${access || "rwm"}`;
}

/** A rule that can be counted with. */
export interface ParsedRule {
  allow: boolean;
  type: "a" | "b" | "c";
  /** Absent is any. */
  major?: number;
  minor?: number;
  /** Letters of rwm. */
  access: string;
}

const ruleText = /^(deny )?([abc]) (\d+|\*):(\d+|\*) ([rwm]+)$/;

/** @throws InvalidError */
export function parseDeviceRule(text: string): ParsedRule {
  const [whole, deny, type, major, minor, access] = ruleText.exec(text) ?? [];
  if (whole === undefined) throw new InvalidError(`${JSON.stringify(text)} is not a device rule`);
  return {
    allow: deny === undefined,
    type: type as ParsedRule["type"],
    ...(major !== "*" && { major: Number(major) }),
    ...(minor !== "*" && { minor: Number(minor) }),
    access: access!,
  };
}
