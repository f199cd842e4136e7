/** Templates as trees, with the errors of Go's text/template/parse. Pure. */

import { lex, type Token, type TokenKind } from "./lexer.ts";
import { characterCode, parseNumber, quote, unquote } from "./literal.ts";
import { type Command, type Node, type Operand, type Pipe, type Place, TemplateError } from "./tree.ts";

/** How deep parentheses and blocks may be nested: the rest is somebody who wants to see the stack end. */
const maxDepth = 100;

/** @param known the names of the functions. @throws TemplateError naming the line */
export function parse(text: string, known: ReadonlySet<string>): Node[] {
  const tokens = lex(text);
  let next = 0;
  let depth = 0;
  let ranges = 0;
  const variables = ["$"];

  const peek = (): Token => tokens[Math.min(next, tokens.length - 1)]!;
  const take = (): Token => {
    const token = peek();
    next++;
    return token;
  };
  const skipSpace = (): Token => {
    while (peek().kind === "space") next++;
    return peek();
  };

  function fail(message: string, at = peek().at): never {
    throw new TemplateError(`:${text.slice(0, at).split("\n").length}: ${message}`);
  }
  function unexpected(token: Token, context: string): never {
    if (token.kind === "error") fail(token.text, token.at);
    fail(`unexpected ${shown(token)} in ${context}`, token.at);
  }
  function expect(kind: TokenKind, context: string): Token {
    skipSpace();
    const token = take();
    return token.kind === kind ? token : unexpected(token, context);
  }
  const place = (at: number, from = at): Place => ({
    at,
    source: text.slice(from, tokens[next - 1]!.at + tokens[next - 1]!.text.length),
  });

  function nested<Result>(read: () => Result): Result {
    if (++depth > maxDepth) fail(`nested deeper than ${maxDepth} levels`);
    const result = read();
    depth--;
    return result;
  }

  /** Nodes up to the action that ends their block, of which this is the keyword; "" at the end of the text. */
  function parseList(): { nodes: Node[]; end: "end" | "else" | "" } {
    const nodes: Node[] = [];
    for (;;) {
      const token = take();
      if (token.kind === "eof") return { nodes, end: "" };
      if (token.kind === "text") nodes.push({ kind: "text", text: token.text });
      else if (token.kind !== "open") unexpected(token, "input");
      else {
        const word = skipSpace();
        if (word.kind === "keyword" && (word.text === "end" || word.text === "else")) {
          next++;
          return { nodes, end: word.text };
        }
        nodes.push(
          word.kind === "keyword" ? parseKeyword(take()) : { kind: "action", pipe: parsePipe("command", "close") },
        );
      }
    }
  }

  function parseKeyword({ text: word, at }: Token): Node {
    if (word === "if" || word === "with" || word === "range") return nested(() => parseBlock(word));
    if (word === "break" || word === "continue") {
      if (ranges === 0) fail(`{{${word}}} outside {{range}}`, at);
      expect("close", `{{${word}}}`);
      return { kind: word };
    }
    fail(`{{${word}}} is not supported`, at);
  }

  function parseBlock(kind: "if" | "with" | "range"): Node {
    const scope = variables.length;
    const pipe = parsePipe(kind, "close");
    if (kind === "range") ranges++;
    const { nodes: body, end } = parseList();
    if (kind === "range") ranges--;
    if (end === "") fail("unexpected EOF");
    if (end === "end") expect("close", "end");
    const otherwise = end === "else" ? parseElse(kind) : [];
    variables.length = scope;
    return { kind, pipe, body, otherwise };
  }

  /** What follows `{{else`: another condition, which ends both, or the closing braces and a list. */
  function parseElse(kind: string): Node[] {
    const word = skipSpace();
    if (word.kind === "keyword" && word.text === kind && kind !== "range") {
      next++;
      return [nested(() => parseBlock(kind as "if" | "with"))];
    }
    expect("close", "else");
    const { nodes, end } = parseList();
    if (end === "") fail("unexpected EOF");
    if (end === "else") fail("expected end; found {{else}}");
    expect("close", "end");
    return nodes;
  }

  function parsePipe(context: string, end: "close" | ")"): Pipe {
    const start = skipSpace().at;
    const { names, declares } = parseVariables(context);
    const commands: Command[] = [];
    for (;;) {
      const token = skipSpace();
      if (token.kind === end) break;
      if (!startsOperand.has(token.kind)) unexpected(token, context);
      commands.push(parseCommand());
    }
    if (commands.length === 0) fail(`missing value for ${context}`);
    // Only the first command may be a value: later ones take the result of those before.
    const odd = commands.slice(1).findIndex(({ operands }) => ["literal", "nil", "dot"].includes(operands[0]!.kind));
    if (odd >= 0) fail(`non executable command in pipeline stage ${odd + 2}`);
    const pipe = { ...place(start), variables: names, declares, commands };
    next++; // the end
    variables.push(...(declares ? names : []));
    return pipe;
  }

  /** `$x :=`, `$x =`, and of a range `$index, $element :=`. */
  function parseVariables(context: string): { names: string[]; declares: boolean } {
    const start = next;
    const names: string[] = [];
    while (skipSpace().kind === "variable") {
      names.push(take().text);
      const sign = skipSpace();
      if (sign.kind === "declare" || sign.kind === "assign") {
        next++;
        const undefinedOne = names.find((name) => sign.kind === "assign" && !variables.includes(name));
        if (undefinedOne) fail(`undefined variable ${quote(undefinedOne)}`);
        return { names, declares: sign.kind === "declare" };
      }
      if (sign.kind !== ",") break;
      if (context !== "range" || names.length > 1) fail(`too many declarations in ${context}`);
      next++;
    }
    next = start;
    return { names: [], declares: false };
  }

  function parseCommand(): Command {
    const start = peek().at;
    const operands: Operand[] = [];
    for (;;) {
      skipSpace();
      if (!startsOperand.has(peek().kind)) break;
      operands.push(parseOperand());
      if (peek().kind !== "space") break;
    }
    const command = { ...place(start), operands };
    command.source = command.source.trimEnd();
    const token = skipSpace();
    if (token.kind === "pipe") next++;
    else if (token.kind !== "close" && token.kind !== ")") unexpected(token, "operand");
    return command;
  }

  function parseOperand(): Operand {
    const start = peek().at;
    const first = parseTerm();
    const at = peek().at;
    const names: string[] = [];
    while (peek().kind === "field") names.push(take().text.slice(1));
    if (names.length === 0) return first;
    const where = place(at, start);
    if (first.kind === "field") return { kind: "field", names: [...first.names, ...names], ...where };
    if (first.kind === "variable") return { ...first, names: [...first.names, ...names], ...where };
    if (first.kind === "literal" || first.kind === "nil" || first.kind === "dot")
      fail(`unexpected . after term ${quote(first.source)}`, start);
    return { kind: "chain", of: first, names, ...where };
  }

  function parseTerm(): Operand {
    const token = take();
    const { kind, text: word, at } = token;
    if (kind === "(") {
      const pipe = nested(() => parsePipe("parenthesized pipeline", ")"));
      return { kind: "pipe", pipe, ...place(at) };
    }
    const where = place(at);
    if (kind === "identifier") {
      if (!known.has(word)) fail(`function ${quote(word)} not defined`, at);
      return { kind: "function", name: word, ...where };
    }
    if (kind === "variable") {
      if (!variables.includes(word)) fail(`undefined variable ${quote(word)}`, at);
      return { kind, name: word, names: [], ...where };
    }
    if (kind === "field") return { kind, names: [word.slice(1)], ...where };
    if (kind === "dot" || kind === "nil") return { kind, ...where };
    return { kind: "literal", value: parseLiteral(token), ...where };
  }

  function parseLiteral({ kind, text: word, at }: Token): string | number | boolean {
    if (kind === "true" || kind === "false") return kind === "true";
    if (kind === "string") return unquote(word) ?? fail("invalid syntax", at);
    if (kind === "character") return characterCode(word) ?? fail(`malformed character constant: ${word}`, at);
    return parseNumber(word) ?? fail(`${/\d/.test(word) ? "bad" : "illegal"} number syntax: ${quote(word)}`, at);
  }

  const { nodes, end } = parseList();
  if (end !== "") fail(`unexpected {{${end}}}`);
  return nodes;
}

const startsOperand = new Set<TokenKind>([
  "(",
  "character",
  "dot",
  "false",
  "field",
  "identifier",
  "nil",
  "number",
  "string",
  "true",
  "variable",
]);

/** A token as Go's messages show it. */
function shown({ kind, text }: Token): string {
  if (kind === "eof") return "EOF";
  if (kind === "keyword" || kind === "dot" || kind === "nil") return `<${text}>`;
  return text.length > 10 ? `${quote(text.slice(0, 10))}...` : quote(text);
}
