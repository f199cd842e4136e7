/** Another /proc/PID/exe than our binary, which a container could write to otherwise (CVE-2019-5736). */

import { Block, Field, Label, names } from "../../linux/program/record.ts";
import { words } from "../../linux/program/writer.ts";
import { type Context, given } from "./context.ts";

/**
 * Another /proc/PID/exe: an empty file that is sealed. Nothing of our binary is mapped any more, so the kernel agrees; a
 * kernel without CONFIG_CHECKPOINT_RESTORE only by the older call, which wants CAP_SYS_RESOURCE.
 */
export function exeFile({ writer }: Context): void {
  const text = new Block("arg", { bytes: new TextEncoder().encode("init\0\0\0\0") });
  const [start, end] = [new Field(text, 0, "address"), new Field(text, 5, "address")];
  const map = words("prctl_mm_map", {
    start_code: start,
    end_code: end,
    start_data: start,
    end_data: end,
    start_brk: start,
    brk: end,
    start_stack: start,
    arg_start: start,
    arg_end: end,
    env_start: end,
    env_end: end,
    auxv: 0,
    "auxv_size, exe_fd": given.exeHigh,
  });
  writer.about("/proc/self/exe");
  const fallback = new Label();
  const done = new Label();
  writer.call("prctl", [names("PR_SET_MM"), names("PR_SET_MM_MAP"), map, 104, 0], {
    ok: ["EINVAL", "EPERM"],
    to: fallback,
  });
  writer.jump(done);
  writer.label(fallback);
  writer.call("prctl", [names("PR_SET_MM"), names("PR_SET_MM_EXE_FILE"), given.exe, 0, 0]);
  writer.label(done);
}
