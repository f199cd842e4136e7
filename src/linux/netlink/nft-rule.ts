/** Chains and rules of nf_tables. */

import { ENOENT } from "../errno.ts";
import type { Fd } from "../file.ts";
import { attribute, be32, nested, parseText, text } from "./attribute.ts";
import { encodeStatements, type Statement } from "./nft-expression.ts";
import {
  attributesOf,
  commentData,
  listInTable,
  messageBody,
  messageType,
  parseComment,
  type Table,
} from "./nftables.ts";
import { ask, dump, type Message, NLM_F, type Request } from "./socket.ts";

const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** Where packets come into a chain; a chain without it is only jumped to. */
export interface Base {
  type: "filter" | "nat";
  hook: keyof typeof hooks;
  /** Chains of one hook run in the order of their priorities. */
  priority: number;
  policy?: "accept" | "drop";
}

const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;

export const newChain = (table: Table, name: string, base?: Base): Request => ({
  type: messageType("NEWCHAIN"),
  flags: NLM_F.CREATE,
  body: messageBody(
    table.family,
    attribute(NFTA_CHAIN_TABLE, text(table.name)),
    attribute(NFTA_CHAIN_NAME, text(name)),
    ...(base
      ? [
          attribute(NFTA_CHAIN_TYPE, text(base.type)),
          attribute(NFTA_CHAIN_POLICY, be32(base.policy === "drop" ? 0 : 1)),
          nested(
            NFTA_CHAIN_HOOK,
            attribute(NFTA_HOOK_HOOKNUM, be32(hooks[base.hook])),
            attribute(NFTA_HOOK_PRIORITY, be32(base.priority)),
          ),
        ]
      : []),
  ),
  what: ["add", `chain ${name} of table ${table.family} ${table.name}`],
});

/** Whether there is such a chain, and whether packets come into it by themselves. */
export function getChain(socket: Fd, table: Table, chain: string): { base: boolean } | undefined {
  const body = messageBody(
    table.family,
    attribute(NFTA_CHAIN_TABLE, text(table.name)),
    attribute(NFTA_CHAIN_NAME, text(chain)),
  );
  const what: Request["what"] = ["get", `chain ${chain} of table ${table.family} ${table.name}`];
  const answer = ask(socket, { type: messageType("GETCHAIN"), body, what, expected: [ENOENT] });
  return answer && { base: attributesOf(answer).has(NFTA_CHAIN_HOOK) };
}

/** The chains of a table; a policy is what becomes of a packet that reaches a base chain's end. */
export const listChains = (socket: Fd, table: Table): { name: string; policy: "accept" | "drop" | undefined }[] =>
  listInTable(socket, table, "GETCHAIN").map((attributes) => {
    const policy = attributes.get(NFTA_CHAIN_POLICY);
    return {
      name: parseText(attributes.get(NFTA_CHAIN_NAME) ?? new Uint8Array()),
      policy: policy && (policy[3] === 0 ? "drop" : "accept"),
    };
  });

const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_RULE_USERDATA = 7;

/** A rule at the end of a chain, or at its head. */
export const newRule = (
  table: Table,
  chain: string,
  statements: readonly Statement[],
  options: { comment?: string; head?: boolean } = {},
): Request => ({
  type: messageType("NEWRULE"),
  flags: NLM_F.CREATE | (options.head ? 0 : NLM_F.APPEND),
  body: messageBody(
    table.family,
    attribute(NFTA_RULE_TABLE, text(table.name)),
    attribute(NFTA_RULE_CHAIN, text(chain)),
    nested(NFTA_RULE_EXPRESSIONS, encodeStatements(statements)),
    ...(options.comment === undefined ? [] : [attribute(NFTA_RULE_USERDATA, commentData(options.comment))]),
  ),
  what: ["add", `a rule to chain ${chain} of table ${table.family} ${table.name}`],
});

/** The rule with this handle. */
export const deleteRule = (table: Table, chain: string, handle: Uint8Array): Request => ({
  type: messageType("DELRULE"),
  body: messageBody(
    table.family,
    attribute(NFTA_RULE_TABLE, text(table.name)),
    attribute(NFTA_RULE_CHAIN, text(chain)),
    attribute(NFTA_RULE_HANDLE, handle),
  ),
  what: ["delete", `a rule of chain ${chain} of table ${table.family} ${table.name}`],
});

export interface Rule {
  chain: string;
  /** Its name for the kernel. */
  handle: Uint8Array;
  comment: string | undefined;
  /** As the kernel has them. */
  expressions: Uint8Array;
}

/** How many rules a table has: 0 where there is no such table. */
export const countRules = (socket: Fd, table: Table): number => dumpRules(socket, table).length;

/** The rules of a table, or of one of its chains; none where there is no such thing. */
export const listRules = (socket: Fd, table: Table, chain?: string): Rule[] =>
  dumpRules(socket, table, chain).map((message) => {
    const attributes = attributesOf(message);
    return {
      chain: parseText(attributes.get(NFTA_RULE_CHAIN) ?? new Uint8Array()),
      handle: attributes.get(NFTA_RULE_HANDLE) ?? new Uint8Array(),
      comment: parseComment(attributes.get(NFTA_RULE_USERDATA)),
      expressions: attributes.get(NFTA_RULE_EXPRESSIONS) ?? new Uint8Array(),
    };
  });

function dumpRules(socket: Fd, table: Table, chain?: string): Message[] {
  const body = messageBody(
    table.family,
    attribute(NFTA_RULE_TABLE, text(table.name)),
    ...(chain === undefined ? [] : [attribute(NFTA_RULE_CHAIN, text(chain))]),
  );
  return dump(socket, messageType("GETRULE"), body, `rules of table ${table.family} ${table.name}`);
}
