/** Applies a template to its data, with the meaning and the errors of Go's text/template. Pure. */

import { type ExecuteOptions, type Execution, evaluatePipe, fail, setVariables } from "./evaluate.ts";
import { functions as allFunctions } from "./functions.ts";
import { quote } from "./literal.ts";
import { type Block, type Invocation, type Node, type Pipe, TemplateError, type Tree } from "./tree.ts";
import { format, isTrue, sortedKeys, type Value } from "./value.ts";

/** Results beyond this are of a template that was made to fill the memory. */
const maxOutput = 64 << 20;

/** @param source the template, for the positions in errors. @throws TemplateError */
export function execute({ nodes, templates }: Tree, source: string, data: Value, options: ExecuteOptions): string {
  const { type, show = String, functions = allFunctions } = options;
  const variables = [{ name: "$", value: data }];
  const execution: Execution = {
    source,
    data,
    type,
    show,
    functions,
    templates,
    variables,
    name: "",
    depth: 0,
    output: "",
  };
  walk(execution, nodes, data);
  return execution.output;
}

/** How a list ended: by itself, or by a word for the loop around it. */
type Ended = "end" | "break" | "continue";

function walk(execution: Execution, list: Node[], dot: Value): Ended {
  const { variables } = execution;
  const scope = variables.length;
  for (const node of list) {
    const ended = walkNode(execution, node, dot);
    if (ended === "end") continue;
    variables.length = scope;
    return ended;
  }
  variables.length = scope;
  return "end";
}

function walkNode(execution: Execution, node: Node, dot: Value): Ended {
  if (node.kind === "text") write(execution, node.text);
  else if (node.kind === "action") {
    const value = evaluatePipe(execution, node.pipe, dot);
    if (node.pipe.variables.length === 0)
      write(execution, isLiteral(node.pipe) ? format(value) : execution.show(format(value)));
  } else if (node.kind === "template") invoke(execution, node, dot);
  else if ("body" in node) {
    const scope = execution.variables.length;
    const ended = node.kind === "range" ? walkRange(execution, node, dot) : walkCondition(execution, node, dot);
    execution.variables.length = scope;
    return ended;
  } else return node.kind;
  return "end";
}

/** Applies a template that has a name, which knows nothing but what it is given. */
function invoke(execution: Execution, node: Invocation, dot: Value): void {
  const nodes = execution.templates.get(node.name);
  if (!nodes) fail(execution, node, `template ${quote(node.name)} not defined`);
  if (execution.depth === maxDepth) fail(execution, node, `exceeded maximum template depth (${maxDepth})`);
  const value = node.pipe && evaluatePipe(execution, node.pipe, dot);
  const { name, variables } = execution;
  Object.assign(execution, { name: node.name, variables: [{ name: "$", value }], depth: execution.depth + 1 });
  walk(execution, nodes, value);
  Object.assign(execution, { name, variables, depth: execution.depth - 1 });
}

/** Each takes some of our stack; Go has 100,000. */
const maxDepth = 1000;

function write(execution: Execution, text: string): void {
  execution.output += text;
  if (execution.output.length > maxOutput) throw new TemplateError(": the result is larger than 64 MB");
}

function walkCondition(execution: Execution, node: Block, dot: Value): Ended {
  const value = evaluatePipe(execution, node.pipe, dot);
  if (!isTrue(value)) return walk(execution, node.otherwise, dot);
  return walk(execution, node.body, node.kind === "with" ? value : dot);
}

function walkRange(execution: Execution, { pipe, body, otherwise }: Block, dot: Value): Ended {
  const value = evaluatePipe(execution, { ...pipe, variables: [] }, dot);
  const entries = entriesOf(value) ?? fail(execution, pipe, `range can't iterate over ${format(value)}`);
  if (entries.length === 0) return walk(execution, otherwise, dot);
  const scope = execution.variables.length;
  for (const [key, element] of entries) {
    // One variable is the element, two are key and element.
    const values = pipe.variables.length === 1 ? [element] : [key, element];
    setVariables(execution, pipe, values);
    const ended = walk(execution, body, element);
    execution.variables.length = scope;
    if (ended === "break") break;
  }
  return "end";
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
