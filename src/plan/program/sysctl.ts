/** Settings of the kernel, as records. Each is looked up in the namespaces of the process that opens it. */

import { Label, names } from "../../linux/program/record.ts";
import type { InitStep } from "../init-step.ts";
import { sysctlName } from "../sysctl.ts";
import type { Context } from "./context.ts";
import { open, openBelow, openInKernel } from "./path.ts";

type Of<Kind> = Extract<InitStep, { do: Kind }>;

/** What a kernel answers that lacks a setting, or does not let us change it. */
const missing = ["ENOENT", "EACCES", "EROFS", "EPERM"] as const;
const refused = ["EINVAL", "EPERM", "EACCES"] as const;

export function sysctl(context: Context, { name, value, optional, late }: Of<"sysctl">): void {
  const { writer } = context;
  const nothing = new Label();
  const answer = optional ? { ok: missing, to: nothing } : {};
  const fd = late
    ? openBelow(context, writableProc(context), `sys/${name}`, open.write, answer)
    : openInKernel(context, `/proc/sys/${name}`, open.write, answer);
  writer.about(`${sysctlName(name)}=${value}`);
  writer.call("write", [fd, value, new TextEncoder().encode(value).length], optional ? { ok: refused } : {});
  writer.label(nothing);
}

/** /proc once more without what is mounted below it, attached nowhere: there /proc/sys is not read-only. */
function writableProc(context: Context) {
  const { writer } = context;
  if (context.proc) return context.proc;
  const proc = openInKernel(context, "/proc", open.directory);
  const flags = names("OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC", "AT_EMPTY_PATH");
  context.proc = writer.into("proc", "open_tree", [proc, "", flags]);
  return context.proc;
}
