/** `tinydocker doctor`: whether this host is fit for containers, and whether anything is left of some that it should not have. */

import { type Examination, examine, isProblem } from "../../engine/doctor/doctor.ts";
import type { Finding } from "../../engine/doctor/finding.ts";
import { UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { plain, printLine } from "../words/print.ts";

export default defineCommand({
  meta: {
    name: "doctor",
    group: "System",
    description: "Check this host, the isolation of containers, and what is left",
  },
  args: {
    repair: { type: "boolean", description: "Take away what was left behind, and mend what can be" },
    "no-run": { type: "boolean", description: "Do not start a container to test its isolation" },
    format: { type: "string", valueHint: "format", description: "text or json (text)" },
  },
  examples: ["sudo tinydocker doctor", "sudo tinydocker doctor --repair --format json"],
  run: ({ repair, format = "text", ...args }, { root }) => {
    if (format !== "text" && format !== "json")
      throw new UsageError(`--format: ${JSON.stringify(format)} is not supported`, "text or json");
    const found = examine(pathsOf(root), { repair: repair === true, isolation: !args["no-run"] });
    if (format === "json") printLine(JSON.stringify(asJson(found), null, 2));
    else printText(found);
    return Object.values(found).flat().some(isProblem) ? 1 : 0;
  },
});

const headings: Record<keyof Examination, string> = {
  host: "This host",
  state: "State and leftovers",
  isolation: "A container",
};

function printText(found: Examination): void {
  for (const [part, findings] of Object.entries(found) as [keyof Examination, Finding[]][]) {
    if (findings.length === 0) continue;
    printLine(headings[part]);
    const width = Math.max(...findings.map(({ check }) => check.length));
    for (const finding of findings) {
      const { check, status, text, hint, repaired } = finding;
      const mark = repaired === true ? "mended" : status;
      printLine(`  ${mark.padEnd(6)}  ${check.padEnd(width)}  ${plain(text)}`);
      const more = typeof repaired === "string" ? `cannot be mended: ${repaired}` : repaired ? undefined : hint;
      if (more !== undefined) printLine(`${" ".repeat(10 + width)}  hint: ${plain(more)}`);
    }
  }
}

const asJson = (found: Examination) => ({
  healthy: !Object.values(found).flat().some(isProblem),
  ...Object.fromEntries(
    Object.entries(found).map(([part, findings]) => [
      part,
      findings.map(({ repair, ...finding }: Finding) => ({ ...finding, repairable: repair !== undefined })),
    ]),
  ),
});
