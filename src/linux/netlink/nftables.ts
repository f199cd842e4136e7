/**
 * nf_tables over netlink: tables, chains, rules, and lists of them. Changes go in batches, of which the kernel does all or
 * nothing.
 *
 *     begin | u8 family, u8 version, be16 0, attributes | ... | end
 *
 * @see https://wiki.nftables.org/wiki-nftables/index.php/Portal:DeveloperDocs/nftables_internals
 */

import { EAGAIN, EINTR, ENOENT, ERESTART } from "../errno.ts";
import type { Fd } from "../file.ts";
import { attribute, be16, concat, parseAttributes, parseText, text } from "./attribute.ts";
import { ask, dump, growBuffers, type Message, NLM_F, type Request, transact } from "./socket.ts";

const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFNL_SUBSYS_NFTABLES = 10;

const messages = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  GETSET: 10,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  GETGEN: 16,
} as const;
const families = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;

/** A table by its family and name. */
export interface Table {
  family: keyof typeof families;
  name: string;
}

/** Errnos that a batch answers with while others change the same things: it is worth another try. */
const passing: readonly number[] = [EAGAIN, EINTR];

export const messageType = (name: keyof typeof messages): number => (NFNL_SUBSYS_NFTABLES << 8) | messages[name];

/** The body of a message: its header and its attributes. */
export const messageBody = (family: Table["family"] | undefined, ...attributes: Uint8Array[]): Uint8Array =>
  concat([Uint8Array.of(family === undefined ? 0 : families[family], 0, 0, 0), ...attributes]);

const NFNL_BATCH_GENID = 1;

const marker = (type: number, ...attributes: Uint8Array[]): Request => ({
  type,
  body: concat([Uint8Array.of(0, 0), be16(NFNL_SUBSYS_NFTABLES), ...attributes]),
  what: ["change", "nf_tables"],
  silent: true,
});

/** Longer batches need more room than a socket has. */
const roomBytes = 100_000;

const NFTA_GEN_ID = 1;

/** Counts up with every change of nf_tables. @throws SyscallError EINVAL and the like where the kernel has none. */
export function getGeneration(socket: Fd): Uint8Array {
  const what: Request["what"] = ["get", "the generation of nf_tables"];
  const answer = ask(socket, { type: messageType("GETGEN"), body: messageBody(undefined), what });
  return (answer && attributesOf(answer).get(NFTA_GEN_ID)) ?? new Uint8Array();
}

/**
 * Reads, decides and changes as if nobody else did anything meanwhile; again from the start when somebody did.
 * @param decide what to change, after what it has read; nothing if all is as it should be.
 */
export function commitUndisturbed(socket: Fd, decide: () => readonly Request[]): void {
  for (;;) {
    const generation = getGeneration(socket);
    if (commit(socket, decide(), generation) !== ERESTART) return;
  }
}

/**
 * Does all of these changes, or none. Only the last is acknowledged, as a thousand acknowledgements do not fit into a socket.
 * @returns the errno of the first that failed with one it expected, or 0. @throws SyscallError of the first that failed otherwise.
 */
export function commit(socket: Fd, changes: readonly Request[], generation?: Uint8Array): number {
  if (changes.length === 0) return 0;
  const last = changes.length - 1;
  const batch = changes.map((change, index) => ({
    ...change,
    silent: index !== last,
    expected: [...(change.expected ?? []), ...passing],
  }));
  if (batch.reduce((sum, { body }) => sum + body.length + 20, 0) > roomBytes) growBuffers(socket);
  const begin: Request = generation
    ? { ...marker(NFNL_MSG_BATCH_BEGIN, attribute(NFNL_BATCH_GENID, generation)), expected: [ERESTART] }
    : marker(NFNL_MSG_BATCH_BEGIN);
  for (;;) {
    const results = transact(socket, [begin, ...batch, marker(NFNL_MSG_BATCH_END)]);
    const errno = results.find((result) => result !== 0) ?? 0;
    if (!passing.includes(errno)) return errno;
  }
}

const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_USERDATA = 6;

/** @param exclusive EEXIST if it is there. */
export const newTable = (table: Table, options: { userdata?: Uint8Array; exclusive?: boolean } = {}): Request => ({
  type: messageType("NEWTABLE"),
  flags: NLM_F.CREATE | (options.exclusive ? NLM_F.EXCL : 0),
  body: messageBody(
    table.family,
    attribute(NFTA_TABLE_NAME, text(table.name)),
    ...(options.userdata ? [attribute(NFTA_TABLE_USERDATA, options.userdata)] : []),
  ),
  what: ["add", `table ${table.family} ${table.name}`],
});

/** With all that is in it. */
export const deleteTable = (table: Table): Request => ({
  type: messageType("DELTABLE"),
  body: messageBody(table.family, attribute(NFTA_TABLE_NAME, text(table.name))),
  what: ["delete", `table ${table.family} ${table.name}`],
});

/** What a table's maker wrote beside it; undefined if there is no such table. */
export function getTable(socket: Fd, table: Table): { userdata: Uint8Array } | undefined {
  const body = messageBody(table.family, attribute(NFTA_TABLE_NAME, text(table.name)));
  const what: Request["what"] = ["get", `table ${table.family} ${table.name}`];
  const answer = ask(socket, { type: messageType("GETTABLE"), body, what, expected: [ENOENT] });
  if (answer === undefined) return undefined;
  return { userdata: attributesOf(answer).get(NFTA_TABLE_USERDATA) ?? new Uint8Array() };
}

/** Chains or sets, which the kernel lists for a whole family; both have the name of their table in their first attribute. */
export const listInTable = (socket: Fd, table: Table, type: "GETCHAIN" | "GETSET"): Map<number, Uint8Array>[] =>
  dump(socket, messageType(type), messageBody(table.family, attribute(1, text(table.name))), `table ${table.name}`)
    .map(attributesOf)
    .filter((attributes) => parseText(attributes.get(1) ?? new Uint8Array()) === table.name);

/** Behind the header of every message. */
export const attributesOf = ({ body }: Message): Map<number, Uint8Array> => parseAttributes(body.subarray(4));

/** A comment of a rule, set element or table as nft(8) writes it: type, length, text with its NUL. */
export function commentData(comment: string): Uint8Array {
  const bytes = text(comment);
  return concat([Uint8Array.of(0, bytes.length), bytes]);
}

/** The comment in what somebody wrote beside a rule, set element or table. */
export function parseComment(userdata: Uint8Array | undefined): string | undefined {
  for (let at = 0; userdata && at + 2 <= userdata.length; at += 2 + userdata[at + 1]!)
    if (userdata[at] === 0) return parseText(userdata.subarray(at + 2, at + 2 + userdata[at + 1]!));
  return undefined;
}
