/** Text made harmless for HTML, JavaScript and query strings, as Go's text/template does it. Pure. */

const inHtml: Record<string, string> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

/** HTMLEscapeString. */
export const escapeHtml = (text: string): string => text.replace(/[\0"'&<>]/g, (char) => inHtml[char]!);

/** JSEscapeString: what ends a string or a script, and what cannot be seen. */
export const escapeJs = (text: string): string =>
  text.replace(/[\\'"]|[<>&=]|[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (char) =>
    /[\\'"]/.test(char) ? `\\${char}` : utf16(char),
  );

const utf16 = (char: string): string =>
  char
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`)
    .join("");

/** url.QueryEscape: a blank is "+". */
export const escapeQuery = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
