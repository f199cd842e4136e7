/**
 * DNS messages as bytes, for what is passed on or refused without being taken apart (RFC 1035 4.1).
 *
 *     be16 id | be16 flags | be16 questions, answers, authorities, additionals | questions | ...
 */

export const headerBytes = 12;
export const RCODE = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

const be16 = (message: Uint8Array, at: number): number => (message[at]! << 8) | message[at + 1]!;

export const idOf = (message: Uint8Array): number => be16(message, 0);
export const rcodeOf = (message: Uint8Array): number => message[3]! & 15;
const questionsOf = (message: Uint8Array): number => be16(message, 4);

export function setId(message: Uint8Array, id: number): void {
  message[0] = id >> 8;
  message[1] = id & 255;
}

/** Where the one question ends; undefined where there is not exactly one, or it is cut off, or refers to something else. */
export function questionEnd(message: Uint8Array): number | undefined {
  if (message.length < headerBytes || questionsOf(message) !== 1) return undefined;
  let at = headerBytes;
  while (message[at] !== 0) {
    const length = message[at];
    if (length === undefined || length > 63) return undefined;
    at += 1 + length;
  }
  const end = at + 5;
  return end <= message.length ? end : undefined;
}

/** An answer that only says how it went: the header and the question of the query. */
export function refuse(query: Uint8Array, rcode: number): Uint8Array {
  return bare(query, query[2]! & 0x79, rcode);
}

/** The beginning of a response that is too long for the asker, with the flag TC. */
export function truncate(response: Uint8Array): Uint8Array {
  return bare(response, response[2]! | 0x02, rcodeOf(response));
}

function bare(message: Uint8Array, flags: number, rcode: number): Uint8Array {
  const end = questionEnd(message);
  const reply = message.slice(0, end ?? headerBytes);
  reply[2] = flags | 0x80;
  reply[3] = 0x80 | rcode;
  reply.fill(0, 4, headerBytes);
  if (end !== undefined) reply[5] = 1;
  return reply;
}

/** True if a message is the response to a query, and not to another that somebody guessed we might have asked. */
export function isResponseTo(message: Uint8Array, query: Uint8Array): boolean {
  if (message.length < headerBytes || idOf(message) !== idOf(query)) return false;
  // A response, of the same kind of query.
  if (!(message[2]! & 0x80) || (message[2]! & 0x78) !== (query[2]! & 0x78)) return false;
  // A server that understood nothing does not repeat the question.
  if (questionsOf(message) === 0) return rcodeOf(message) !== 0;
  const end = questionEnd(query)!;
  if (questionEnd(message) !== end) return false;
  for (let at = headerBytes; at < end; at++) if (lower(message[at]!) !== lower(query[at]!)) return false;
  return true;
}

/** Servers may write a name in other letters. */
const lower = (byte: number): number => (byte >= 65 && byte <= 90 ? byte + 32 : byte);
