/** Tells the exec form of a command that is written wrongly from a command of the shell that begins with `[`. Pure. */

/** One word in quotes with a comma or `]` after it, or words without quotes in brackets; but not `[ "$a" ] && b`. */
const list = /^\[\s*(?:\]|(["'])[^"']*\1\s*(?:,|\]\s*$)|[^\s"'\]]*(?:,[^\]]*)?\])|^\[(["'])[^"']*\2\s*\]/;
/** Nothing but words in quotes, whatever stands between them: `["a" "b"]`, `["a", "b"`. */
const quoted = /^\[\s*(?:"(?:[^"\\]|\\.)*"[\s,]*)+\]?$/;

/** The shell's own, with its blank: `[ "$a" "=" "b" ]`, `[ "-f" "/x" ]`. */
const test = /^\[\s+"[-!$]/;

/** Docker gives such a slip to the shell; `[ "$a" = b ]` is one of the shell's own. */
export const isMeantAsList = (text: string): boolean => list.test(text) || (quoted.test(text) && !test.test(text));
