/**
 * What rules of nf_tables consist of: expressions, which load something of a packet into a register, compare it, look it up
 * or act on it. The first that does not match ends the rule. Registers are 4-byte words here, 0 to 15.
 */

import { attribute, be32, concat, nested, text } from "./attribute.ts";

/** One expression, encoded. */
export type Expression = Uint8Array;
/** All of one condition or action. */
export type Statement = readonly Expression[];

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
export const NFTA_DATA_VALUE = 1;
export const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NFT_REG_VERDICT = 0;
const NFT_REG32_00 = 8;

/** Attributes of any expression by number: the kernel's own lists, all of which count from 1. */
const expression = (name: string, attributes: [type: number, value: Uint8Array][]): Expression =>
  nested(
    NFTA_LIST_ELEM,
    attribute(NFTA_EXPR_NAME, text(name)),
    nested(NFTA_EXPR_DATA, ...attributes.map(([type, value]) => attribute(type, value))),
  );

const NLA_F_NESTED = 0x8000;
const register = (word: number): Uint8Array => be32(NFT_REG32_00 + word);
const dataValue = (value: Uint8Array): Uint8Array => attribute(NFTA_DATA_VALUE, value);

const metaKeys = { iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;

/** Loads something that is known of a packet: 16 bytes of a device's name, one byte else. */
export const meta = (key: keyof typeof metaKeys, word = 0): Expression =>
  expression("meta", [
    [1, register(word)],
    [2, be32(metaKeys[key])],
  ]);

const headers = { network: 1, transport: 2 } as const;

/** Loads bytes of a packet's header. */
export const payload = (header: keyof typeof headers, offset: number, bytes: number, word = 0): Expression =>
  expression("payload", [
    [1, register(word)],
    [2, be32(headers[header])],
    [3, be32(offset)],
    [4, be32(bytes)],
  ]);

/** Loads what is said here. */
export const load = (value: Uint8Array, word = 0): Expression =>
  expression("immediate", [
    [1, register(word)],
    [2 | NLA_F_NESTED, dataValue(value)],
  ]);

const NFT_PAYLOAD_CSUM_INET = 1;

/** Writes what was loaded into a packet's header, and the header's checksum at another place of it. */
export const writePayload = (
  header: keyof typeof headers,
  { offset, bytes, checksumAt }: { offset: number; bytes: number; checksumAt: number },
  word = 0,
): Expression =>
  expression("payload", [
    [5, register(word)],
    [2, be32(headers[header])],
    [3, be32(offset)],
    [4, be32(bytes)],
    [6, be32(NFT_PAYLOAD_CSUM_INET)],
    [7, be32(checksumAt)],
  ]);

const ctKeys = { state: 0, status: 2 } as const;

/** Loads something of a packet's connection. */
export const ct = (key: keyof typeof ctKeys, word = 0): Expression =>
  expression("ct", [
    [1, register(word)],
    [2, be32(ctKeys[key])],
  ]);

const NFT_FIB_RESULT_ADDRTYPE = 3;
const NFTA_FIB_F_DADDR = 2;

/** Loads the type of the destination's route: RTN_LOCAL is an address of this host. */
export const fibDestinationType = (word = 0): Expression =>
  expression("fib", [
    [1, register(word)],
    [2, be32(NFT_FIB_RESULT_ADDRTYPE)],
    [3, be32(NFTA_FIB_F_DADDR)],
  ]);

const operators = { "==": 0, "!=": 1 } as const;

export const compare = (operator: keyof typeof operators, value: Uint8Array, word = 0): Expression =>
  expression("cmp", [
    [1, register(word)],
    [2, be32(operators[operator])],
    [3 | NLA_F_NESTED, dataValue(value)],
  ]);

/** Keeps the bits of a mask. */
export const and = (mask: Uint8Array, word = 0): Expression =>
  expression("bitwise", [
    [1, register(word)],
    [2, register(word)],
    [3, be32(mask.length)],
    [4 | NLA_F_NESTED, dataValue(mask)],
    [5 | NLA_F_NESTED, dataValue(new Uint8Array(mask.length))],
  ]);

const NFT_LOOKUP_F_INV = 1;

/** Whether what was loaded is in a set; `into` a word that gets what a map has for it. */
export const lookUp = (set: string, { word = 0, into, not }: { word?: number; into?: number; not?: boolean } = {}) =>
  expression("lookup", [
    [1, text(set)],
    [2, register(word)],
    ...(into === undefined ? [] : [[3, register(into)] as [number, Uint8Array]]),
    ...(not ? [[5, be32(NFT_LOOKUP_F_INV)] as [number, Uint8Array]] : []),
  ]);

const verdicts = { drop: 0, accept: 1, jump: -3, return: -5 } as const;

/** Ends the rule, and unless it is a jump the chain. */
export const verdict = (code: keyof typeof verdicts, chain?: string): Expression =>
  expression("immediate", [
    [1, be32(NFT_REG_VERDICT)],
    [
      2 | NLA_F_NESTED,
      nested(
        NFTA_DATA_VERDICT,
        attribute(NFTA_VERDICT_CODE, be32(verdicts[code])),
        ...(chain === undefined ? [] : [attribute(NFTA_VERDICT_CHAIN, text(chain))]),
      ),
    ],
  ]);

/** Counts packets and bytes. */
export const counter = (): Expression => expression("counter", []);

const natTypes = { snat: 0, dnat: 1 } as const;
const NFPROTO = { ip: 2, ip6: 10 } as const;

/** Another source or destination: the address and the port in these words. */
export const nat = (type: keyof typeof natTypes, family: keyof typeof NFPROTO, address: number, port: number) =>
  expression("nat", [
    [1, be32(natTypes[type])],
    [2, be32(NFPROTO[family])],
    [3, register(address)],
    [5, register(port)],
  ]);

/** The address of the device that the packet leaves by becomes its source. */
export const masquerade = (): Expression => expression("masq", []);

/** The attributes of a rule. */
export const encodeStatements = (statements: readonly Statement[]): Uint8Array => concat(statements.flat());
