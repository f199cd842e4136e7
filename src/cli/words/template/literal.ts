/** The literals of templates, which are Go's: quoted and raw strings, characters, numbers; and quoting as Go does it. Pure. */

const escapes: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** The text of "..." or `...`; undefined if an escape in it means nothing. */
export function unquote(literal: string): string | undefined {
  if (literal.startsWith("`")) return literal.slice(1, -1).replaceAll("\r", "");
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  const parts = literal.slice(1, -1).match(/\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)|[^\\]+/gs);
  for (const part of parts ?? []) {
    if (!part.startsWith("\\")) bytes.push(...encoder.encode(part));
    else if (/^\\x../.test(part)) bytes.push(Number.parseInt(part.slice(2), 16));
    else if (/^\\[0-7]{3}/.test(part)) bytes.push(Number.parseInt(part.slice(1), 8) & 0xff);
    else {
      const text = /^\\[uU]./.test(part) ? codePoint(part.slice(2)) : escapes[part.slice(1)];
      if (text === undefined) return undefined;
      bytes.push(...encoder.encode(text));
    }
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function codePoint(digits: string): string | undefined {
  const code = Number.parseInt(digits, 16);
  return code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : undefined;
}

/** The number of a character constant ('a' is 97); undefined if it is not one character. */
export function characterCode(literal: string): number | undefined {
  const text = unquote(`"${literal.slice(1, -1).replaceAll('"', '\\"')}"`);
  return text !== undefined && [...text].length === 1 ? text.codePointAt(0) : undefined;
}

/** A number as Go writes them: 10, 0x1f, 0o17, 017, 0b1, 1_000, 1.5e3; undefined if it is none. */
export function parseNumber(literal: string): number | undefined {
  const match = /^([+-]?)(.*)$/s.exec(literal)!;
  const digits = match[2]!.replaceAll("_", "");
  const text = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  if (!/^(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?)$/.test(text)) return undefined;
  const value = Number(text);
  return match[1] === "-" ? -value : value;
}

const shortEscapes: Record<string, string> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** Text in double quotes as Go's %q and strconv.Quote write it: nothing in it commands a terminal. */
export function quote(text: string): string {
  const inside = [...text].map((char) => {
    const short = shortEscapes[char];
    if (short !== undefined) return short;
    const code = char.codePointAt(0)!;
    if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (!/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(char)) return char;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `"${inside.join("")}"`;
}
