/** A template as it was read: nodes, pipes, commands, operands; and the error that names a place in it. */

import { InvalidError } from "../../../errors.ts";

/** A value that stands by itself in a command. `at` and `source` are what errors name. */
export type Operand = Place &
  (
    | { kind: "dot" | "nil" }
    | { kind: "literal"; value: string | number | boolean }
    | { kind: "function"; name: string }
    | { kind: "field"; names: string[] }
    | { kind: "variable"; name: string; names: string[] }
    | { kind: "chain"; of: Operand; names: string[] }
    | { kind: "pipe"; pipe: Pipe }
  );

/** An operand with its arguments: `printf "%s" .Name`. */
export interface Command extends Place {
  operands: Operand[];
}

/** Commands whose results are handed on: `.Name | upper`; perhaps into variables: `$x := ...`, `$x = ...`. */
export interface Pipe extends Place {
  variables: string[];
  declares: boolean;
  commands: Command[];
}

export type Node =
  | { kind: "text"; text: string }
  | { kind: "action"; pipe: Pipe }
  | { kind: "break" | "continue" }
  | Invocation
  | Block;

/** `{{if}}` and the like, up to their `{{end}}`. */
export interface Block {
  kind: "if" | "with" | "range";
  pipe: Pipe;
  body: Node[];
  otherwise: Node[];
}

/** `{{template "name" pipe}}`; without a pipe its dot is nil. */
export interface Invocation extends Place {
  kind: "template";
  name: string;
  pipe: Pipe | undefined;
}

/** A template with those that it defines. */
export interface Tree {
  nodes: Node[];
  templates: ReadonlyMap<string, Node[]>;
}

export interface Place {
  /** Index in the template's text. */
  at: number;
  source: string;
}

/** A template that can't be read, or can't be applied to its data. Docker's words, and exit code 1. */
export class TemplateError extends InvalidError {
  constructor(message: string, hint?: string) {
    super(`template parsing error: template: ${message}`, hint);
  }
}
