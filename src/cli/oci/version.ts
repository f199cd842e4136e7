/** `--version` of the OCI runtime, in the lines that callers read: runc's. */

import { ociVersion } from "../../oci/version.ts";
import { commit, version } from "../../version.ts";
import { printLine } from "../words/print.ts";

export function printVersion(): number {
  printLine(`tinydocker-runtime version ${version}`);
  printLine(`commit: ${commit}`);
  printLine(`spec: ${ociVersion}`);
  return 0;
}
