/** What `doctor` has to say of one thing that it has looked at. */

export interface Finding {
  /** What was looked at, in a word or two: `cgroup`, `lease`. */
  check: string;
  /** `warn` lacks something that not everybody needs; `fail` is a problem. */
  status: "ok" | "warn" | "fail";
  /** What is there, in words. */
  text: string;
  hint?: string;
  /** Takes the problem away. Safe at any time, beside all others. */
  repair?: () => void;
  /** What became of that: `true`, or why it did not work. */
  repaired?: true | string;
}

export const fine = (check: string, text: string): Finding => ({ check, status: "ok", text });
export const lacking = (check: string, text: string, hint?: string): Finding => ({
  check,
  status: "warn",
  text,
  ...(hint !== undefined && { hint }),
});
export const problem = (check: string, text: string, hint?: string): Finding => ({
  ...lacking(check, text, hint),
  status: "fail",
});
/** One that can be taken away. */
export const repairable = (check: string, text: string, repair: () => void): Finding => ({
  ...problem(check, text, "--repair"),
  repair,
});
