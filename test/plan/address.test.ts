import { describe, expect, test } from "bun:test";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { ConflictError, UsageError } from "../../src/errors.ts";
import { bind, cstr, memory } from "../../src/linux/libc.ts";
import {
  addressOfVeth,
  compareAddresses,
  formatAddress,
  hostMacOf,
  macOf,
  parseAddress,
  parseMac,
  readAddress,
  vethOf,
} from "../../src/plan/network/address.ts";
import {
  addressAfter,
  chooseSubnet,
  contains,
  countAddresses,
  formatPrefix,
  gatewayOf,
  hostOffsets,
  lastAddress,
  overlaps,
  type Prefix,
  parsePrefix,
  parseSubnet,
  subnetOf,
  uniqueLocalSubnet,
} from "../../src/plan/network/subnet.ts";

/** What is right is what libc says. */
const libc = bind({
  inet_pton: ["int", "int", "ptr", "ptr"],
  inet_ntop: ["long", "int", "ptr", "ptr", "int"],
});
const familyOf = (bytes: number): number => (bytes === 4 ? 2 : 10);

function pton(text: string): Uint8Array | undefined {
  const bytes = memory(text.includes(":") ? 16 : 4);
  return libc.inet_pton(familyOf(bytes.length), cstr(text), bytes) === 1 ? bytes : undefined;
}

function ntop(address: Uint8Array): string {
  const [from, to] = [memory(16), memory(64)];
  from.set(address);
  libc.inet_ntop(familyOf(address.length), from, to, to.length);
  return new TextDecoder().decode(to).split("\0", 1)[0]!;
}

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** With many zeros, as those have that people use. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((value) => [value >> 8, value & 255])));
const address = fc.oneof(ipv4, ipv6);
const prefix = address.chain((address) => fc.nat(address.length * 8).map((bits): Prefix => ({ address, bits })));
const subnet = prefix.map(subnetOf);

describe("addresses", () => {
  test("are written as inet_ntop(3) writes them, and read back", () => {
    fc.assert(
      fc.property(address, (bytes) => {
        expect(formatAddress(bytes)).toBe(ntop(bytes));
        expect(parseAddress(formatAddress(bytes))).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("are read as inet_pton(3) reads them, and nothing else is", () => {
    const pieces = [
      "0",
      "00",
      "1",
      "01",
      "10",
      "255",
      "256",
      "ff",
      "FFFF",
      "12345",
      "g",
      ".",
      ".",
      ":",
      ":",
      "::",
      "%",
      " ",
    ];
    const anything = fc.array(fc.constantFrom(...pieces), { maxLength: 16 }).map((parts) => parts.join(""));
    const almost = fc
      .tuple(address.map(formatAddress), fc.nat(40), fc.constantFrom("", ":", ".", "0", "1", "f", "/"))
      .map(([text, at, insert]) => text.slice(0, at) + insert + text.slice(at));
    fc.assert(
      fc.property(fc.oneof(anything, almost, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
        if (text.includes("\0")) return expect(readAddress(text)).toBeUndefined();
        expect(readAddress(text)).toEqual(pton(text)!);
        // It takes a zone, which is no part of an address.
        if (!text.includes("%")) expect(readAddress(text) !== undefined).toBe(isIP(text) !== 0);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    " 1.2.3.4",
    "1.2.3.4\n",
    "::1%lo",
    "1::2::3",
    ":1",
    "0x1.2.3.4",
  ])("%j is refused in words", (text) => expect(() => parseAddress(text)).toThrow(UsageError));

  test("are in order", () => {
    fc.assert(
      fc.property(ipv6, ipv6, (a, b) => {
        expect(Math.sign(compareAddresses(a, b))).toBe(Buffer.compare(a, b));
      }),
    );
  });
});

describe("subnets", () => {
  test("contain what BlockList says", () => {
    fc.assert(
      fc.property(subnet, address, fc.nat(128), (subnet, random, keep) => {
        // One that shares some bits with the subnet, so that both answers are common.
        const near = random.map((byte, at) => (at * 8 < keep ? (subnet.address[at] ?? byte) : byte));
        const family = (bytes: Uint8Array) => (bytes.length === 4 ? "ipv4" : "ipv6");
        const list = new BlockList();
        list.addSubnet(formatAddress(subnet.address), subnet.bits, family(subnet.address));
        const mapped = subnet.address.length !== near.length;
        expect(contains(subnet, near)).toBe(!mapped && list.check(formatAddress(near), family(near)));
      }),
      { numRuns: 2000 },
    );
  });

  test("overlap if the first address of one is in the other, whichever comes first", () => {
    fc.assert(
      fc.property(subnet, subnet, (a, b) => {
        expect(overlaps(a, b)).toBe(contains(a, b.address) || contains(b, a.address));
        expect(overlaps(a, b)).toBe(overlaps(b, a));
        expect(overlaps(a, a)).toBe(true);
      }),
    );
  });

  test("go from their own address to the last, as many as they count", () => {
    const value = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
    fc.assert(
      fc.property(prefix, fc.nat(2 ** 52), (prefix, offset) => {
        const { address } = subnetOf(prefix);
        expect(Number(value(lastAddress(prefix)) - value(address) + 1n)).toBe(countAddresses(prefix));
        const bits = BigInt(prefix.address.length * 8);
        expect(value(addressAfter(prefix.address, offset))).toBe(
          (value(prefix.address) + BigInt(offset)) & ((1n << bits) - 1n),
        );
      }),
    );
  });

  test("keep their own address and that of broadcasts from hosts, but for pairs", () => {
    const offsets = (text: string) => hostOffsets(parseSubnet(text));
    expect(offsets("10.0.0.0/24")).toEqual({ first: 1, last: 254 });
    expect(offsets("10.0.0.0/30")).toEqual({ first: 1, last: 2 });
    expect(offsets("10.0.0.0/31")).toEqual({ first: 0, last: 1 });
    expect(offsets("10.0.0.0/32")).toEqual({ first: 0, last: 0 });
    expect(offsets("fd00::/120")).toEqual({ first: 1, last: 255 });
    expect(gatewayOf(parseSubnet("10.1.0.0/16"))).toBe("10.1.0.1");
    expect(gatewayOf(parseSubnet("fd00:1::/64"))).toBe("fd00:1::1");
  });

  test.each([
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/8/8",
    "::/129",
    "/8",
    "10.0.0.0/-1",
    "10.0.0.0/ 8",
  ])("%j is refused", (text) => expect(() => parsePrefix(text)).toThrow(UsageError));

  test("that are given by an address within are refused with the subnet that was meant", () => {
    expect(() => parseSubnet("10.1.2.3/16")).toThrow("10.1.2.3/16 is not a subnet, but an address in one");
    expect(formatPrefix(subnetOf(parsePrefix("10.1.2.3/16")))).toBe("10.1.0.0/16");
  });
});

describe("a subnet for a new network", () => {
  const choose = (kind: "default" | "user", ...taken: string[]) =>
    formatPrefix(chooseSubnet(kind, taken.map(parsePrefix)));

  test("is the first that overlaps nothing", () => {
    expect(choose("default")).toBe("10.201.0.0/16");
    expect(choose("user")).toBe("10.202.0.0/24");
    expect(choose("user", "10.202.0.0/24", "10.202.1.5/32")).toBe("10.202.2.0/24");
    expect(choose("default", "10.201.7.0/24")).toBe("10.202.0.0/16");
    expect(choose("user", "10.192.0.0/10")).toBe("192.168.0.0/24");
    expect(choose("user", "10.0.0.0/8", "192.168.0.0/23")).toBe("192.168.2.0/24");
  });

  test("minds no route to everywhere, nor IPv6", () => {
    expect(choose("default", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "fd00::/8")).toBe("10.201.0.0/16");
  });

  test("is found or refused quickly among many", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("10", "192"), fc.nat(255), fc.nat(255), fc.integer({ min: 17, max: 32 }))),
        (list) => {
          const taken = list.map(([a, b, c, bits]) =>
            subnetOf(parsePrefix(`${a}.${a === "10" ? b : 168}.${c}.0/${bits}`)),
          );
          const chosen = chooseSubnet("user", taken);
          expect(taken.filter((other) => overlaps(chosen, other))).toEqual([]);
        },
      ),
    );
    expect(() => choose("user", "10.0.0.0/8", "192.168.0.0/16")).toThrow(ConflictError);
  });

  test("is unique in IPv6", () => {
    expect(formatPrefix(uniqueLocalSubnet(Uint8Array.of(1, 2, 3, 4, 5, 6, 7)))).toBe("fd01:203:405:607::/64");
  });
});

describe("names by address", () => {
  test("a MAC and a veth", () => {
    expect(macOf("10.201.0.2")).toBe("02:42:0a:c9:00:02");
    expect(hostMacOf("10.201.0.2")).toBe("fe:42:0a:c9:00:02");
    expect(vethOf("10.201.0.2")).toBe("veth0ac90002");
    expect(macOf("fd00::a02")).toBe("02:42:00:00:0a:02");
    expect(vethOf("fd00::2")).toMatch(/^veth6[0-9a-f]{10}$/);
    expect(vethOf("fd00::2")).not.toBe(vethOf("fd01::2"));
    expect(addressOfVeth(vethOf("fd00::2"))).toBeUndefined();
    expect(() => macOf("fd00")).toThrow(UsageError);
  });

  test("lead back to the address", () => {
    fc.assert(fc.property(ipv4, (bytes) => expect(addressOfVeth(vethOf(formatAddress(bytes)))).toEqual(bytes)));
    for (const name of ["veth0", "veth0ac9000", "vethzzzzzzzz", "xveth0ac90002"])
      expect(addressOfVeth(name)).toBeUndefined();
  });

  test("MACs that no device can have are refused", () => {
    expect(Array.from(parseMac("02:42:0A:c9:00:ff"))).toEqual([2, 0x42, 10, 0xc9, 0, 255]);
    for (const mac of ["", "02:42", "02:42:0a:c9:00:0g", "01:00:00:00:00:01", "00:00:00:00:00:00", "02-42-0a-c9-00-02"])
      expect(() => parseMac(mac)).toThrow(UsageError);
  });
});
