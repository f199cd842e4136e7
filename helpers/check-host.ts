/** `npm run check-host`: what this machine has for containers, as `tinydocker doctor` finds it, and for the tests. Exits 1 when no container can run. */

import type { Finding } from "../src/engine/doctor/finding.ts";
import { checkHost } from "../src/engine/doctor/host.ts";
import { defaultRoot, pathsOf } from "../src/paths.ts";
import { has } from "./process.ts";
import { missingForVm } from "./vm.ts";

const program = (name: string): Finding =>
  has(name)
    ? { check: `program ${name}`, status: "ok", text: "installed" }
    : { check: `program ${name}`, status: "warn", text: "not installed" };

const missing = missingForVm();
const findings: Finding[] = [
  ...checkHost(pathsOf(defaultRoot)),
  ...["nft", "ip", "xz"].map(program),
  { check: "virtual machines", status: missing === undefined ? "ok" : "warn", text: missing ?? "for tests" },
];
for (const { check, status, text, hint } of findings)
  console.log(`${status.padEnd(5)}  ${check.padEnd(18)}  ${text}${hint === undefined ? "" : ` (${hint})`}`);
if (findings.some(({ status }) => status === "fail")) process.exitCode = 1;
