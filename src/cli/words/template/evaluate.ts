/** What an action of a template comes to: its pipe, with the meaning and the errors of Go's text/template. Pure. */

import { CallError, type TemplateFunction } from "./functions.ts";
import { fieldOf, noField } from "./go-names.ts";
import { quote } from "./literal.ts";
import { type Command, type Operand, type Pipe, type Place, TemplateError, type Tree } from "./tree.ts";
import { isStruct, isTrue, typeName, type Value } from "./value.ts";

export interface ExecuteOptions {
  /** What the struct at the top is called in errors: `image`. */
  type: string;
  /** What is done to all that is printed but to the template's own words: control characters come from strangers. */
  show?: (text: string) => string;
  /** What the functions do; what they always do unless given. */
  functions?: Record<string, TemplateFunction>;
}

/** A template that is being applied. */
export interface Execution extends Required<ExecuteOptions> {
  source: string;
  /** What is at the top. */
  data: Value;
  /** Those in scope; of two with one name the last counts. */
  variables: { name: string; value: Value }[];
  templates: Tree["templates"];
  /** Of the template that is applied; the whole has none. */
  name: string;
  /** How many of them are in one another. */
  depth: number;
  output: string;
}

export function setVariables({ variables }: Execution, { variables: names, declares }: Pipe, values: Value[]): void {
  for (const [at, name] of names.entries()) {
    if (declares) variables.push({ name, value: values[at] });
    else variables.findLast((variable) => variable.name === name)!.value = values[at];
  }
}

export function evaluatePipe(execution: Execution, pipe: Pipe, dot: Value): Value {
  let value: Value;
  for (const [at, command] of pipe.commands.entries())
    value = evaluateCommand(execution, command, dot, at === 0 ? [] : [value]);
  setVariables(execution, pipe, [value]);
  return value;
}

/** @param piped the result of the command before, which is the last argument. */
function evaluateCommand(execution: Execution, command: Command, dot: Value, piped: Value[]): Value {
  const [first, ...rest] = command.operands as [Operand, ...Operand[]];
  if (first.kind === "function") return call(execution, first.name, command, rest, dot, piped);
  if (first.kind === "field" || first.kind === "chain" || (first.kind === "variable" && first.names.length > 0)) {
    const start = startOf(execution, first, dot);
    const args = [...rest.map((operand) => evaluate(execution, operand, dot)), ...piped];
    return follow(execution, start, first.names, first, args);
  }
  if (first.kind === "nil") fail(execution, first, "nil is not a command");
  if (rest.length + piped.length > 0) fail(execution, first, `can't give argument to non-function ${first.source}`);
  return evaluate(execution, first, dot);
}

function evaluate(execution: Execution, operand: Operand, dot: Value): Value {
  switch (operand.kind) {
    case "dot":
      return dot;
    case "nil":
      return null;
    case "literal":
      return operand.value;
    case "field":
    case "variable":
    case "chain":
      return follow(execution, startOf(execution, operand, dot), operand.names, operand, []);
    case "pipe":
      return evaluatePipe(execution, operand.pipe, dot);
    case "function":
      return call(execution, operand.name, { ...operand, operands: [operand] }, [], dot, []);
  }
}

/** The value whose fields an operand names. */
function startOf(
  execution: Execution,
  operand: Extract<Operand, { kind: "field" | "variable" | "chain" }>,
  dot: Value,
): Value {
  if (operand.kind === "field") return dot;
  if (operand.kind === "chain") return evaluate(execution, operand.of, dot);
  return execution.variables.findLast(({ name }) => name === operand.name)!.value;
}

/** `.A.B.C` from a value on; arguments are for the last, which is a method then. */
function follow(execution: Execution, start: Value, names: string[], place: Operand, args: Value[]): Value {
  let value = start;
  for (const [at, name] of names.entries())
    value = field(execution, value, name, place, at === names.length - 1 ? args : []);
  return value;
}

function field(execution: Execution, value: Value, name: string, place: Operand, args: Value[]): Value {
  if (value === undefined) return undefined;
  if (value === null) fail(execution, place, `nil pointer evaluating interface {}.${name}`);
  if (value instanceof Map) {
    if (args.length > 0) fail(execution, place, `${name} is not a method but has arguments`);
    return value.get(name);
  }
  const found = isStruct(value) ? fieldOf(value, name) : noField;
  if (found === noField) noSuchField(execution, value, name, place);
  if (typeof found !== "function") {
    if (args.length > 0) fail(execution, place, `${name} has arguments but cannot be invoked as function`);
    return found;
  }
  if (found.length !== args.length)
    fail(execution, place, `wrong number of args for ${name}: want ${found.length} got ${args.length}`);
  return found(...args);
}

function noSuchField(execution: Execution, value: Value, name: string, place: Operand): never {
  const type = value === execution.data ? execution.type : typeName(value);
  const hint = isStruct(value) ? `the fields are: ${Object.keys(value).join(", ")}` : undefined;
  fail(execution, place, `can't evaluate field ${name} in type ${type}`, hint);
}

function call(
  execution: Execution,
  name: string,
  command: Command,
  operands: Operand[],
  dot: Value,
  piped: Value[],
): Value {
  const count = operands.length + piped.length;
  if (name === "and" || name === "or") {
    if (count === 0) fail(execution, command, `wrong number of args for ${name}: want at least 1 got 0`);
    return decide(execution, name, operands, dot, piped);
  }
  const { least, most, call: use } = execution.functions[name]!;
  if (count < least || (most !== undefined && count > most)) {
    const want = `${most === least ? "" : "at least "}${least}`;
    fail(execution, command.operands[0]!, `wrong number of args for ${name}: want ${want} got ${count}`);
  }
  const args = [...operands.map((operand) => evaluate(execution, operand, dot)), ...piped];
  try {
    return use(...args);
  } catch (error) {
    if (error instanceof CallError) fail(execution, command, `error calling ${name}: ${error.message}`);
    throw error;
  }
}

/** The first argument that decides, or the last. */
function decide(execution: Execution, name: "and" | "or", operands: Operand[], dot: Value, piped: Value[]): Value {
  let value: Value;
  for (const operand of operands) {
    value = evaluate(execution, operand, dot);
    if (isTrue(value) === (name === "or")) return value;
  }
  return piped.length > 0 ? piped[0] : value;
}

export function fail({ source, name }: Execution, place: Place, message: string, hint?: string): never {
  const before = source.slice(0, place.at);
  const line = before.split("\n").length;
  const column = Buffer.byteLength(before.slice(before.lastIndexOf("\n") + 1));
  throw new TemplateError(`:${line}:${column}: executing ${quote(name)} at <${place.source}>: ${message}`, hint);
}
