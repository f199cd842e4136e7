/** Go's fmt.Sprintf, as far as a format for containers and images can want it. Pure. */

import { quote } from "./literal.ts";
import { exponent, format, formatQuoted, isStruct, typeName, type Value } from "./value.ts";

const directive = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?(.)?/gsu;
/** A width beyond this is a mistake or malice, and would fill the memory. */
const maxWidth = 10_000;

/** Formats as Go does, mistakes included: `%!d(string=x)`, `%!s(MISSING)`, `%!(EXTRA int=1)`. */
export function sprintf(pattern: string, args: Value[]): string {
  let next = 0;
  const text = pattern.replace(directive, (_, flags: string, width?: string, precision?: string, verb?: string) => {
    const count = (given: string | undefined) => (given === "*" ? Number(args[next++]) || 0 : Number(given));
    const minimum = Math.min(width === undefined ? 0 : count(width), maxWidth);
    const digits = precision === undefined ? undefined : Math.min(count(precision || "0"), maxWidth);
    if (verb === undefined) return "%!(NOVERB)";
    if (verb === "%") return "%";
    if (next >= args.length) return `%!${verb}(MISSING)`;
    const value = args[next++];
    return pad(formatVerb(verb, value, flags, digits), minimum, flags, value);
  });
  const extra = args.slice(next).map((value) => (value == null ? "<nil>" : `${typeName(value)}=${format(value)}`));
  return extra.length > 0 ? `${text}%!(EXTRA ${extra.join(", ")})` : text;
}

function pad(text: string, width: number, flags: string, value: Value): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + text;
  const [, sign, rest] = /^([+-]?)(.*)$/s.exec(text)!;
  return typeof value === "number" ? sign + "0".repeat(missing) + rest : "0".repeat(missing) + text;
}

function formatVerb(verb: string, value: Value, flags: string, digits: number | undefined): string {
  if (verb === "T") return typeName(value);
  if (value === null || value === undefined) return verb === "v" ? "<nil>" : `%!${verb}(<nil>)`;
  if (verb === "v" || (verb === "s" && isComposite(value))) return format(value);
  if (verb === "q" && isComposite(value)) return formatQuoted(value);
  if (Array.isArray(value)) return `[${value.map((item) => formatVerb(verb, item, flags, digits)).join(" ")}]`;
  const formatted =
    typeof value === "string"
      ? formatText(verb, value, digits)
      : typeof value === "number"
        ? formatNumeral(verb, value, flags, digits)
        : verb === "t" && typeof value === "boolean"
          ? String(value)
          : undefined;
  return formatted ?? `%!${verb}(${typeName(value)}=${format(value)})`;
}

const isComposite = (value: Value): boolean => Array.isArray(value) || value instanceof Map || isStruct(value);

function formatText(verb: string, text: string, digits: number | undefined): string | undefined {
  const cut = digits === undefined ? text : [...text].slice(0, digits).join("");
  if (verb === "s") return cut;
  if (verb === "q") return quote(cut);
  if (verb !== "x" && verb !== "X") return undefined;
  const hex = Buffer.from(text).subarray(0, digits).toString("hex");
  return verb === "x" ? hex : hex.toUpperCase();
}

const radixes: Record<string, [number, string]> = {
  d: [10, ""],
  b: [2, "0b"],
  o: [8, "0"],
  x: [16, "0x"],
  X: [16, "0X"],
};

function formatNumeral(verb: string, value: number, flags: string, digits: number | undefined): string | undefined {
  const sign = value < 0 ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const size = Math.abs(value);
  const radix = Object.hasOwn(radixes, verb) ? radixes[verb] : undefined;
  if (radix && Number.isInteger(value)) {
    const text = size.toString(radix[0]).padStart(digits ?? 0, "0");
    return sign + (flags.includes("#") ? radix[1] : "") + (verb === "X" ? text.toUpperCase() : text);
  }
  if (Number.isInteger(value) && verb === "c")
    return value >= 0 && value <= 0x10ffff ? String.fromCodePoint(value) : "\ufffd";
  if (Number.isInteger(value) && verb === "U") return `U+${size.toString(16).toUpperCase().padStart(4, "0")}`;
  const places = Math.min(digits ?? 6, 100);
  // A whole number of ours may be a float of Go's, so these verbs take both.
  if (verb === "f" || verb === "F") return sign + size.toFixed(places);
  if (verb === "e" || verb === "E") return sign + cased(verb, exponent(size.toExponential(places)));
  if (verb === "g" || verb === "G") return sign + cased(verb, shortest(size, digits));
  return undefined;
}

const cased = (verb: string, text: string): string => (verb === verb.toUpperCase() ? text.toUpperCase() : text);

/** %g: the fewest digits that tell the number, or so many. */
function shortest(size: number, digits: number | undefined): string {
  if (digits === undefined) return format(size);
  return format(Number(size.toPrecision(Math.min(Math.max(digits, 1), 100))));
}
