/** Records as a person reads them: the call with its arguments by name, where its result goes, which errnos are answers. Pure. */

import { argumentNames, type CallName } from "./calls.ts";
import type { Arg, Block, Member, Rec } from "./record.ts";

/** One line for each record. @param first number of the first; labels are numbers in the same count. */
export function describeRecord(record: Rec): string {
  const { call, args, into, ok, to } = record;
  if (call === "own-memory")
    return "mmap, munmap: all memory but the interpreter of these records, the records, and the page where the kernel keeps rseq";
  if (call === "close-inherited")
    return "close_range: every descriptor from 3 on but those that the records below name";
  if (call === "test") {
    const [value = "", , expected = ""] = args.map((arg) => text(arg));
    if (args[1] === 0) return `go on at ${to?.index}`;
    return `unless ${value}${args[1] === -1 ? "" : ` & ${octal(args[1]!)}`} == ${expected}: go on at ${to?.index}`;
  }
  if (call === "add") {
    const [a, b] = args;
    if (typeof a === "number" && a < 0) return `fail with errno ${-a}`;
    return `${into ? text(into as Arg) : "result"} = ${text(a!)} + ${text(b!)}`;
  }
  if (call === "return") return "return";
  const name = call === "clone" ? "clone3" : call === "thread" ? "thread pointer" : call;
  const names = call === "clone" ? ["args", "size"] : argumentNames(call as CallName);
  const list = args.slice(0, names.length).map((arg, index) => `${names[index]}=${text(arg, names[index])}`);
  const then = call === "clone" ? `; the child goes on at ${text(args[2]!)}` : "";
  const result = into ? ` -> ${text(into as Arg)}` : "";
  const answers = ok ? `; ${ok.join(", ")}: go on${to ? ` at ${to.index}` : ""}` : "";
  return `${name}(${list.join(", ")})${result}${then}${answers}`;
}

/** Modes and masks of modes are read in octal. */
const octal = (value: Arg): string => (typeof value === "number" ? `0${value.toString(8)}` : text(value));

function text(arg: Arg, name = ""): string {
  if (typeof arg === "number") return name === "mode" || name === "mask" ? octal(arg) : String(arg);
  if (typeof arg === "string") return JSON.stringify(arg);
  switch (arg.noun) {
    case "names":
      return arg.list.join("|") || "0";
    case "slot":
    case "given":
      return arg.name.includes(" ") ? `<${arg.name}>` : arg.name;
    case "block":
      return describeBlock(arg);
    case "field":
      return `${arg.use === "address" ? "&" : ""}${arg.block.name}[${arg.offset}]`;
    case "label":
      return String(arg.index);
    case "frame":
      return "frame";
    case "base":
      return "base";
  }
}

function describeBlock({ name, content }: Block): string {
  if ("words" in content) {
    const members = Object.entries(content.words).filter(([, value]) => value !== 0);
    return `{${members.map(([member, value]) => `${member}=${text(value as Member as Arg)}`).join(", ")}}`;
  }
  if ("ints" in content) return `{${content.ints.map((value) => text(value as Arg)).join(", ")}}`;
  if ("strings" in content) return `[${content.strings.map((value) => text(value as Arg)).join(", ")}]`;
  return name;
}
