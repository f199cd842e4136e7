/** Applies a template to its data, with the meaning and the errors of Go's text/template. Pure. */

import { functions as allFunctions, CallError, type TemplateFunction } from "./functions.ts";
import { type Block, type Command, type Node, type Operand, type Pipe, TemplateError } from "./tree.ts";
import { format, isStruct, isTrue, sortedKeys, typeName, type Value } from "./value.ts";

export interface ExecuteOptions {
  /** What the struct at the top is called in errors: `image`. */
  type: string;
  /** What is done to all that is printed but to the template's own words: control characters come from strangers. */
  show?: (text: string) => string;
  /** What the functions do; what they always do unless given. */
  functions?: Record<string, TemplateFunction>;
}

/** Results beyond this are of a template that was made to fill the memory. */
const maxOutput = 64 << 20;

/** @param source the template, for the positions in errors. @throws TemplateError */
export function execute(nodes: Node[], source: string, data: Value, options: ExecuteOptions): string {
  const { functions = allFunctions } = options;
  let output = "";
  const variables: { name: string; value: Value }[] = [{ name: "$", value: data }];

  function fail(place: { at: number; source: string }, message: string, hint?: string): never {
    const before = source.slice(0, place.at);
    const line = before.split("\n").length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
    throw new TemplateError(`:${line}:${column}: executing "" at <${place.source}>: ${message}`, hint);
  }

  function write(text: string): void {
    output += text;
    if (output.length > maxOutput) throw new TemplateError(": the result is larger than 64 MB");
  }

  /** @returns how the list ended: by itself, or by a word for the loop around it. */
  function walk(list: Node[], dot: Value): "end" | "break" | "continue" {
    const scope = variables.length;
    for (const node of list) {
      const ended = walkNode(node, dot);
      if (ended === "end") continue;
      variables.length = scope;
      return ended;
    }
    variables.length = scope;
    return "end";
  }

  function walkNode(node: Node, dot: Value): "end" | "break" | "continue" {
    if (node.kind === "text") write(node.text);
    else if (node.kind === "action") {
      const value = evaluatePipe(node.pipe, dot);
      if (node.pipe.variables.length === 0) write(isLiteral(node.pipe) ? format(value) : shown(value));
    } else if ("body" in node) {
      const scope = variables.length;
      const ended = node.kind === "range" ? walkRange(node, dot) : walkCondition(node, dot);
      variables.length = scope;
      return ended;
    } else return node.kind;
    return "end";
  }

  const shown = (value: Value): string => (options.show ?? String)(format(value));

  function walkCondition(node: Block, dot: Value) {
    const value = evaluatePipe(node.pipe, dot);
    if (!isTrue(value)) return walk(node.otherwise, dot);
    return walk(node.body, node.kind === "with" ? value : dot);
  }

  function walkRange({ pipe, body, otherwise }: Block, dot: Value) {
    const value = evaluatePipe({ ...pipe, variables: [] }, dot);
    const entries = entriesOf(value) ?? fail(pipe, `range can't iterate over ${format(value)}`);
    if (entries.length === 0) return walk(otherwise, dot);
    const scope = variables.length;
    for (const [key, element] of entries) {
      // One variable is the element, two are key and element.
      const values = pipe.variables.length === 1 ? [element] : [key, element];
      setVariables(pipe, values);
      const ended = walk(body, element);
      variables.length = scope;
      if (ended === "break") break;
    }
    return "end" as const;
  }

  function setVariables({ variables: names, declares }: Pipe, values: Value[]): void {
    for (const [at, name] of names.entries()) {
      if (declares) variables.push({ name, value: values[at] });
      else variables.findLast((variable) => variable.name === name)!.value = values[at];
    }
  }

  function evaluatePipe(pipe: Pipe, dot: Value): Value {
    let value: Value;
    for (const [at, command] of pipe.commands.entries()) value = evaluateCommand(command, dot, at === 0 ? [] : [value]);
    setVariables(pipe, [value]);
    return value;
  }

  /** @param piped the result of the command before, which is the last argument. */
  function evaluateCommand(command: Command, dot: Value, piped: Value[]): Value {
    const [first, ...rest] = command.operands as [Operand, ...Operand[]];
    if (first.kind === "function") return call(first.name, command, rest, dot, piped);
    const args = () => [...rest.map((operand) => evaluate(operand, dot)), ...piped];
    if (first.kind === "field" || first.kind === "chain" || (first.kind === "variable" && first.names.length > 0)) {
      const start =
        first.kind === "field" ? dot : first.kind === "chain" ? evaluate(first.of, dot) : variable(first.name);
      return follow(start, first.names, first, args());
    }
    if (first.kind === "nil") fail(first, "nil is not a command");
    if (rest.length + piped.length > 0) fail(first, `can't give argument to non-function ${first.source}`);
    return evaluate(first, dot);
  }

  function evaluate(operand: Operand, dot: Value): Value {
    switch (operand.kind) {
      case "dot":
        return dot;
      case "nil":
        return null;
      case "literal":
        return operand.value;
      case "field":
        return follow(dot, operand.names, operand, []);
      case "variable":
        return follow(variable(operand.name), operand.names, operand, []);
      case "chain":
        return follow(evaluate(operand.of, dot), operand.names, operand, []);
      case "pipe":
        return evaluatePipe(operand.pipe, dot);
      case "function":
        return call(operand.name, { ...operand, operands: [operand] }, [], dot, []);
    }
  }

  const variable = (name: string): Value => variables.findLast((one) => one.name === name)!.value;

  /** `.A.B.C` from a value on; arguments are for the last, which is a method then. */
  function follow(start: Value, names: string[], place: Operand, args: Value[]): Value {
    let value = start;
    for (const [at, name] of names.entries()) value = field(value, name, place, at === names.length - 1 ? args : []);
    return value;
  }

  function field(value: Value, name: string, place: Operand, args: Value[]): Value {
    if (value === undefined) return undefined;
    if (value === null) fail(place, `nil pointer evaluating interface {}.${name}`);
    if (value instanceof Map) {
      if (args.length > 0) fail(place, `${name} is not a method but has arguments`);
      return value.get(name);
    }
    // Only what is its own: "constructor" and "__proto__" are no fields.
    if (!isStruct(value) || !Object.hasOwn(value, name)) noSuchField(value, name, place);
    const found = value[name];
    if (typeof found !== "function") {
      if (args.length > 0) fail(place, `${name} has arguments but cannot be invoked as function`);
      return found;
    }
    if (found.length !== args.length)
      fail(place, `wrong number of args for ${name}: want ${found.length} got ${args.length}`);
    return found(...args);
  }

  function noSuchField(value: Value, name: string, place: Operand): never {
    const type = value === data ? options.type : typeName(value);
    const hint = isStruct(value) ? `the fields are: ${Object.keys(value).join(", ")}` : undefined;
    fail(place, `can't evaluate field ${name} in type ${type}`, hint);
  }

  function call(name: string, command: Command, operands: Operand[], dot: Value, piped: Value[]): Value {
    const count = operands.length + piped.length;
    if (name === "and" || name === "or") {
      if (count === 0) fail(command, `wrong number of args for ${name}: want at least 1 got 0`);
      return decide(name, operands, dot, piped);
    }
    const { least, most, call: use } = functions[name]!;
    if (count < least || (most !== undefined && count > most))
      fail(
        command.operands[0]!,
        `wrong number of args for ${name}: want ${most === least ? "" : "at least "}${least} got ${count}`,
      );
    const args = [...operands.map((operand) => evaluate(operand, dot)), ...piped];
    try {
      return use(...args);
    } catch (error) {
      if (error instanceof CallError) fail(command, `error calling ${name}: ${error.message}`);
      throw error;
    }
  }

  /** The first argument that decides, or the last. */
  function decide(name: "and" | "or", operands: Operand[], dot: Value, piped: Value[]): Value {
    let value: Value;
    for (const operand of operands) {
      value = evaluate(operand, dot);
      if (isTrue(value) === (name === "or")) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  walk(nodes, data);
  return output;
}

/** An action that prints a literal: the template's own words. */
const isLiteral = ({ commands }: Pipe): boolean =>
  commands.length === 1 && commands[0]!.operands.length === 1 && commands[0]!.operands[0]!.kind === "literal";

/** What a range goes over: a list, a map by its sorted keys, the numbers below one; undefined if it can't. */
function entriesOf(value: Value): [unknown, Value][] | undefined {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (value instanceof Map) return sortedKeys(value).map((key) => [key, value.get(key)]);
  if (Number.isInteger(value) && (value as number) <= maxRange)
    return Array.from({ length: Math.max(value as number, 0) }, (_, number) => [number, number]);
  return undefined;
}

const maxRange = 1_000_000;
