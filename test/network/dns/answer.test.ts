import { describe, expect, test } from "bun:test";
import { type DecodedPacket, decode, encode, type Packet, type RecordType } from "dns-packet";
import fc from "fast-check";
import { type AnswerOptions, answer } from "../../../src/network/dns/answer.ts";
import { isResponseTo, refuse, setId, truncate } from "../../../src/network/dns/message.ts";
import { addressOfPtrName } from "../../../src/network/dns/ptr-record.ts";
import { zoneOf } from "../../support/zones.ts";

const zone = zoneOf("MyNet");
const usual: AnswerOptions = { zones: [zone], forward: true, searchFirst: false, stream: false };

/** Not a Buffer, whose slices are no copies. */
const bytesOf = (packet: Packet): Uint8Array => Uint8Array.from(encode(packet));

const queryFor = (name: string, type: string, more: Partial<Packet> = {}): Uint8Array =>
  bytesOf({ type: "query", id: 4711, flags: 0x100, questions: [{ name, type: type as RecordType }], ...more });

/** What comes back, in words: `NOERROR 10.201.0.2`, `forward`. */
function ask(name: string, type = "A", options: Partial<AnswerOptions> = {}): string {
  const verdict = answer(queryFor(name, type), { ...usual, ...options });
  if (!verdict) return "nothing";
  if ("forward" in verdict) return "forward";
  const reply = decode(Buffer.from(verdict.reply)) as DecodedPacket & { rcode: string };
  expect(reply).toMatchObject({ id: 4711, type: "response", flag_rd: true, flag_ra: true });
  expect(reply.questions).toMatchObject([{ name, type }]);
  return [reply.rcode, ...(reply.answers ?? []).map((one) => ("data" in one ? one.data : "?"))].join(" ");
}

const opt = (udpPayloadSize: number) => ({
  additionals: [{ type: "OPT", name: ".", udpPayloadSize, flags: 0, options: [] } as never],
});

describe("a query", () => {
  test("for a container gets its addresses, whatever the case", () => {
    expect(ask("web")).toBe("NOERROR 10.201.0.2");
    expect(ask("WEB", "AAAA")).toBe("NOERROR fd00::2");
    expect(ask("wWw")).toBe("NOERROR 10.201.0.2");
    expect(ask("aaaa00000000")).toBe("NOERROR 10.201.0.2");
    expect(ask("web", "ANY")).toBe("NOERROR 10.201.0.2 fd00::2");
  });
  test("may have the name of the network behind", () => {
    expect(ask("web.mynet")).toBe("NOERROR 10.201.0.2");
    expect(ask("Pool.MyNet", "AAAA")).toBe("NOERROR fd00::2");
    expect(ask("web.other")).toBe("forward");
    expect(ask("mynet")).toBe("forward");
  });
  test("for what a container has not is answered, and never forwarded", () => {
    for (const type of ["AAAA", "MX", "TXT", "SRV", "CNAME"]) expect(ask("db", type)).toBe("NOERROR");
  });
  test("of a type that is not known by name keeps it", () => {
    const query = queryFor("db", "A");
    query[query.length - 3] = 65;
    const { reply } = answer(query, usual) as { reply: Uint8Array };
    expect(reply.slice(12)).toEqual(query.slice(12));
  });
  test("for a name of several takes turns", () => {
    const answers = Array.from({ length: 4 }, () => ask("pool"));
    expect(new Set(answers)).toEqual(new Set(["NOERROR 10.201.0.2 10.201.0.3", "NOERROR 10.201.0.3 10.201.0.2"]));
  });
  test("is answered by the first network that knows the name", () => {
    const second = zoneOf("second", { c: { name: "db", aliases: ["only"], addresses: ["10.202.0.9"] } });
    expect(ask("db", "A", { zones: [zone, second] })).toBe("NOERROR 10.201.0.3");
    expect(ask("db.second", "A", { zones: [zone, second] })).toBe("NOERROR 10.202.0.9");
    expect(ask("only", "A", { zones: [zone, second] })).toBe("NOERROR 10.202.0.9");
  });
  test("for an address gets a name", () => {
    expect(ask("3.0.201.10.in-addr.arpa", "PTR")).toBe("NOERROR db.mynet");
    const nibbles = `2.${"0.".repeat(27)}0.0.d.f.ip6.arpa`;
    expect(ask(nibbles, "PTR")).toBe("NOERROR Web.mynet");
    expect(ask("4.0.201.10.in-addr.arpa", "PTR")).toBe("forward");
  });
  test("for anything else is forwarded, or there is no such name in a network that has no way out", () => {
    expect(ask("example.com")).toBe("forward");
    expect(ask("other")).toBe("forward");
    expect(ask("example.com", "A", { forward: false })).toBe("NXDOMAIN");
  });
  test("for a name without a dot is not forwarded if the user wants search domains first", () => {
    expect(ask("other", "A", { searchFirst: true })).toBe("NXDOMAIN");
    expect(ask("web", "A", { searchFirst: true })).toBe("NOERROR 10.201.0.2");
    expect(ask("other.example", "A", { searchFirst: true })).toBe("forward");
  });
  test("of another class is not about containers", () => {
    const query = queryFor("web", "A");
    query[query.length - 1] = 3;
    expect(answer(query, usual)).toMatchObject({ forward: true });
  });
});

describe("sizes", () => {
  const names = Array.from({ length: 100 }, (_, at) => ({
    name: `c${at}`,
    aliases: ["all"],
    addresses: [`10.201.0.${at}`],
  }));
  const zones = [zoneOf("many", Object.fromEntries(names.map((one, at) => [at.toString(16).padStart(4, "0"), one])))];
  const sizeOf = (query: Uint8Array, stream: boolean) => {
    const verdict = answer(query, { ...usual, zones, stream });
    if (!verdict || !("reply" in verdict)) throw new Error("no reply");
    const reply = decode(Buffer.from(verdict.reply)) as DecodedPacket;
    return { bytes: verdict.reply.length, count: reply.answers!.length, cut: reply.flag_tc, edns: reply.additionals };
  };
  test("a reply that is too long is cut, and says so", () => {
    const { bytes, count, cut } = sizeOf(queryFor("all", "A"), false);
    expect(bytes).toBeLessThanOrEqual(512);
    expect(count).toBeGreaterThan(5);
    expect(cut).toBe(true);
  });
  test("EDNS says what the asker takes, and is answered", () => {
    const large = sizeOf(queryFor("all", "A", opt(4096)), false);
    expect(large).toMatchObject({ count: 100, cut: false, edns: [{ type: "OPT" }] });
    expect(sizeOf(queryFor("all", "A", opt(800)), false).bytes).toBeWithin(500, 801);
    expect(sizeOf(queryFor("all", "A", opt(1)), false).bytes).toBeWithin(256, 513);
  });
  test("a stream takes all", () =>
    expect(sizeOf(queryFor("all", "A"), true)).toMatchObject({ count: 100, cut: false }));
  test("what is forwarded keeps to them too", () => {
    expect(answer(queryFor("x.y", "A"), usual)).toEqual({ forward: true, maxBytes: 512 });
    expect(answer(queryFor("x.y", "A", opt(1232)), usual)).toEqual({ forward: true, maxBytes: 1232 });
    expect(answer(queryFor("x.y", "A", opt(65000)), usual)).toEqual({ forward: true, maxBytes: 4096 });
  });
});

/** Flags and counts of a reply that was not taken apart. */
const rcodeOf = (bytes: Uint8Array) => {
  const verdict = answer(bytes, usual);
  return verdict && "reply" in verdict ? verdict.reply[3]! & 15 : verdict;
};

describe("what is no query", () => {
  test("is not answered if it is a response or not even a header", () => {
    const response = queryFor("web", "A");
    response[2]! |= 0x80;
    for (const bytes of [response, new Uint8Array(0), new Uint8Array(11)]) expect(answer(bytes, usual)).toBeUndefined();
  });
  test("is FORMERR without exactly one question, or when it is cut off or refers to itself", () => {
    const query = queryFor("web", "A");
    const none = query.slice(0, 12);
    none[5] = 0;
    const two = query.slice();
    two[5] = 2;
    const loop = query.slice();
    loop.set([0xc0, 12], 12);
    const label = query.slice();
    label[12] = 0x80;
    for (const bytes of [none, two, loop, label, query.slice(0, -1), query.slice(0, 14)])
      expect(rcodeOf(bytes)).toBe(1);
  });
  test("is NOTIMP for other operations", () => {
    const update = queryFor("web", "A");
    update[2] = 5 << 3;
    expect(rcodeOf(update)).toBe(4);
  });
});

test("whatever comes in, there is an answer, a way on, or nothing; never an exception", () => {
  const valid = queryFor("web.mynet", "A", opt(1232));
  const broken = fc
    .array(fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 })
    .map((changes) => {
      const bytes = Uint8Array.from(valid);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  const cut = fc.tuple(broken, fc.nat({ max: valid.length })).map(([bytes, length]) => bytes.slice(0, length));
  const noise = fc.uint8Array({ maxLength: 600 });
  fc.assert(
    fc.property(fc.oneof(broken, cut, noise), (bytes) => {
      const before = bytes.slice();
      const verdict = answer(bytes, usual);
      expect(bytes).toEqual(before);
      if (!verdict || !("reply" in verdict)) return;
      expect(verdict.reply.length).toBeWithin(12, 4097);
      expect(verdict.reply.slice(0, 2)).toEqual(bytes.slice(0, 2));
      expect(verdict.reply[2]! & 0x80).toBe(0x80);
      decode(Buffer.from(verdict.reply));
    }),
    { numRuns: 5000 },
  );
});

describe("a response is taken for one to a query", () => {
  const query = queryFor("example.com", "A");
  const response = bytesOf({
    type: "response",
    id: 4711,
    questions: [{ name: "EXAMPLE.com", type: "A" }],
    answers: [{ name: "example.com", type: "A", data: "192.0.2.1" }],
  });
  test("if id and question are the same, in whatever case", () => {
    expect(isResponseTo(response, query)).toBe(true);
    expect(isResponseTo(truncate(response), query)).toBe(true);
    expect(isResponseTo(refuse(query, 2), query)).toBe(true);
  });
  test("and not otherwise", () => {
    const other = Uint8Array.from(response);
    setId(other, 4712);
    const names = ["example.org", "example.comm", "a.example.com"].map((name) =>
      bytesOf({ type: "response", id: 4711, questions: [{ name, type: "A" }] }),
    );
    const type = bytesOf({ type: "response", id: 4711, questions: [{ name: "example.com", type: "AAAA" }] });
    const empty = bytesOf({ type: "response", id: 4711, questions: [] });
    for (const bytes of [other, ...names, type, empty, query, new Uint8Array(5)])
      expect(isResponseTo(bytes, query)).toBe(false);
  });
  test("whatever comes, without an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => typeof isResponseTo(bytes, query) === "boolean"),
    );
  });
});

test("only whole names of addresses are taken for such", () => {
  expect(addressOfPtrName("1.2.3.4.in-addr.arpa")).toBe("4.3.2.1");
  for (const name of ["3.4.in-addr.arpa", "x.2.3.4.in-addr.arpa", "300.2.3.4.in-addr.arpa", "1.ip6.arpa", "web"])
    expect(addressOfPtrName(name)).toBeUndefined();
});
