/** Sets and maps of nf_tables, and what is in them. */

import { ENOENT } from "../errno.ts";
import type { Fd } from "../file.ts";
import { attribute, be32, concat, listAttributes, nested, parseAttributes, parseText, text, u32 } from "./attribute.ts";
import { NFTA_DATA_VALUE } from "./nft-expression.ts";
import {
  attributesOf,
  commentData,
  listInTable,
  messageBody,
  messageType,
  parseComment,
  type Table,
} from "./nftables.ts";
import { ask, dump, NLM_F, type Request } from "./socket.ts";

/** Types of values: the number that nft(8) knows each by, which the kernel only keeps, and its bytes. */
const types = {
  ipv4_addr: { number: 7, bytes: 4, hostOrder: false },
  ipv6_addr: { number: 8, bytes: 16, hostOrder: false },
  inet_proto: { number: 12, bytes: 1, hostOrder: false },
  inet_service: { number: 13, bytes: 2, hostOrder: false },
  ifname: { number: 41, bytes: 16, hostOrder: true },
} as const;
export type SetType = keyof typeof types;

/** A set, or with `data` a map. Several types are one behind the other. */
export interface SetDefinition {
  key: readonly SetType[];
  data?: readonly SetType[];
  /** Holds ranges. */
  interval?: boolean;
}

const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_ID = 10;
const NFTA_SET_USERDATA = 13;
const NFT_SET_INTERVAL = 4;
const NFT_SET_MAP = 8;
const NFTNL_UDATA_SET_KEYBYTEORDER = 0;
const NFTNL_UDATA_SET_DATABYTEORDER = 1;
const bitsOfType = 6;

/** Types of which there are several are one number for nft(8), and each begins at a word for the kernel. */
const typeNumber = (all: readonly SetType[]): number =>
  all.reduce((number, type) => (number << bitsOfType) | types[type].number, 0);
const lengthOf = (all: readonly SetType[]): number =>
  all.length === 1 ? types[all[0]!].bytes : all.reduce((sum, type) => sum + ((types[type].bytes + 3) & ~3), 0);

/** Without it nft(8) prints the numbers of some types the wrong way round. */
function byteOrder(property: number, all: readonly SetType[]): Uint8Array {
  const order = all.length > 1 ? 0 : types[all[0]!].hostOrder ? 1 : 2;
  return concat([Uint8Array.of(property, 4), u32(order)]);
}

/** Names of the sets and maps of a table. */
export const listSets = (socket: Fd, table: Table): string[] =>
  listInTable(socket, table, "GETSET").map((attributes) =>
    parseText(attributes.get(NFTA_SET_NAME) ?? new Uint8Array()),
  );

let lastSetId = 0;

export const newSet = (table: Table, name: string, { key, data, interval }: SetDefinition): Request => ({
  type: messageType("NEWSET"),
  flags: NLM_F.CREATE,
  body: messageBody(
    table.family,
    attribute(NFTA_SET_TABLE, text(table.name)),
    attribute(NFTA_SET_NAME, text(name)),
    attribute(NFTA_SET_FLAGS, be32((data ? NFT_SET_MAP : 0) | (interval ? NFT_SET_INTERVAL : 0))),
    attribute(NFTA_SET_KEY_TYPE, be32(typeNumber(key))),
    attribute(NFTA_SET_KEY_LEN, be32(lengthOf(key))),
    ...(data
      ? [attribute(NFTA_SET_DATA_TYPE, be32(typeNumber(data))), attribute(NFTA_SET_DATA_LEN, be32(lengthOf(data)))]
      : []),
    attribute(NFTA_SET_ID, be32(++lastSetId)),
    attribute(
      NFTA_SET_USERDATA,
      concat([
        byteOrder(NFTNL_UDATA_SET_KEYBYTEORDER, key),
        ...(data ? [byteOrder(NFTNL_UDATA_SET_DATABYTEORDER, data)] : []),
      ]),
    ),
  ),
  what: ["add", `set ${name} of table ${table.family} ${table.name}`],
});

/** What is in a set, or in a map with what it leads to. */
export interface Element {
  key: Uint8Array;
  data?: Uint8Array;
  comment?: string;
  /** Of a set of ranges: nothing from here on. */
  end?: boolean;
}

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_USERDATA = 6;
const NFT_SET_ELEM_INTERVAL_END = 1;
/** The length of an attribute has 16 bits, and an element may have 150 bytes. */
const maxInOneMessage = 400;

/** Adds to a set. @param exclusive EEXIST if one is there already; without it only if it leads elsewhere. */
export const newElements = (
  table: Table,
  set: string,
  elements: readonly Element[],
  options: { exclusive?: boolean; expected?: readonly number[] } = {},
): Request[] => {
  const flags = NLM_F.CREATE | (options.exclusive ? NLM_F.EXCL : 0);
  return elementMessages("NEWSETELEM", table, set, elements, flags, options.expected);
};

/** Takes out of a set. ENOENT if one is not there. */
export const deleteElements = (
  table: Table,
  set: string,
  elements: readonly Element[],
  options: { expected?: readonly number[] } = {},
): Request[] =>
  elementMessages(
    "DELSETELEM",
    table,
    set,
    elements.map(({ key, end }) => (end ? { key, end } : { key })),
    0,
    options.expected,
  );

function elementMessages(
  name: "NEWSETELEM" | "DELSETELEM",
  table: Table,
  set: string,
  elements: readonly Element[],
  flags: number,
  expected: readonly number[] = [],
): Request[] {
  const requests: Request[] = [];
  for (let at = 0; at < elements.length; at += maxInOneMessage) {
    const part = elements.slice(at, at + maxInOneMessage);
    const what = [name === "NEWSETELEM" ? "add to" : "delete from", setTitle(table, set)] as Request["what"];
    requests.push({ type: messageType(name), flags, body: elementsBody(table, set, part), what, expected });
  }
  return requests;
}

const setTitle = (table: Table, set: string): string => `set ${set} of table ${table.family} ${table.name}`;

const elementsBody = (table: Table, set: string, elements: readonly Element[]): Uint8Array =>
  messageBody(
    table.family,
    attribute(NFTA_SET_ELEM_LIST_TABLE, text(table.name)),
    attribute(NFTA_SET_ELEM_LIST_SET, text(set)),
    ...(elements.length > 0 ? [nested(NFTA_SET_ELEM_LIST_ELEMENTS, ...elements.map(encodeElement))] : []),
  );

const encodeElement = ({ key, data, comment, end }: Element): Uint8Array =>
  nested(
    NFTA_LIST_ELEM,
    ...(end ? [attribute(NFTA_SET_ELEM_FLAGS, be32(NFT_SET_ELEM_INTERVAL_END))] : []),
    nested(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, key)),
    ...(data ? [nested(NFTA_SET_ELEM_DATA, attribute(NFTA_DATA_VALUE, data))] : []),
    ...(comment === undefined ? [] : [attribute(NFTA_SET_ELEM_USERDATA, commentData(comment))]),
  );

/** One element of a set by its key; undefined if it, the set or the table is not there. */
export function getElement(socket: Fd, table: Table, set: string, key: Uint8Array): Element | undefined {
  const body = elementsBody(table, set, [{ key }]);
  const what: Request["what"] = ["get", `an element of ${setTitle(table, set)}`];
  const answer = ask(socket, { type: messageType("GETSETELEM"), body, what, expected: [ENOENT] });
  return answer && parseElements(attributesOf(answer))[0];
}

/** All that is in a set. @throws SyscallError ENOENT if it is not there. */
export const listElements = (socket: Fd, table: Table, set: string): Element[] =>
  dump(socket, messageType("GETSETELEM"), elementsBody(table, set, []), setTitle(table, set)).flatMap((message) =>
    parseElements(attributesOf(message)),
  );

const parseElements = (attributes: Map<number, Uint8Array>): Element[] =>
  listAttributes(attributes.get(NFTA_SET_ELEM_LIST_ELEMENTS) ?? new Uint8Array()).map(([, bytes]) => {
    const parts = parseAttributes(bytes);
    const value = (type: number) => parts.has(type) && parseAttributes(parts.get(type)!).get(NFTA_DATA_VALUE);
    const flags = parts.get(NFTA_SET_ELEM_FLAGS);
    const element: Element = { key: value(NFTA_SET_ELEM_KEY) || new Uint8Array() };
    const data = value(NFTA_SET_ELEM_DATA);
    if (data) element.data = data;
    const comment = parseComment(parts.get(NFTA_SET_ELEM_USERDATA));
    if (comment !== undefined) element.comment = comment;
    if (flags && flags[3]! & NFT_SET_ELEM_INTERVAL_END) element.end = true;
    return element;
  });
