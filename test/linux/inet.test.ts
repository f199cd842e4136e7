/** Internet addresses: text and bytes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatAddress, parseAddress, parseSubnet } from "../../src/linux/inet.ts";

describe("addresses", () => {
  test("any address is the same after it was written and read", () => {
    const address = fc.constantFrom(4, 16).chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
    fc.assert(
      fc.property(address, (bytes) => {
        expect([...parseAddress(formatAddress(bytes))]).toEqual([...bytes]);
      }),
    );
  });

  test("what is no address is named", () => {
    for (const text of ["", "10.1.0", "10.1.0.256", "10.1.0.1/16", "::g", "fe80::1%eth0", "localhost"])
      expect(() => parseAddress(text)).toThrow(`${JSON.stringify(text)} is no internet address`);
  });
});

describe("subnets", () => {
  test("a subnet is from its first address to the one behind its last", () => {
    const range = (subnet: string): (string | undefined)[] => {
      const { first, behind } = parseSubnet(subnet);
      return [formatAddress(first), behind && formatAddress(behind)];
    };
    expect(range("10.1.0.0/16")).toEqual(["10.1.0.0", "10.2.0.0"]);
    expect(range("10.1.2.3/16")).toEqual(["10.1.0.0", "10.2.0.0"]);
    expect(range("10.255.255.255/32")).toEqual(["10.255.255.255", "11.0.0.0"]);
    expect(range("fd00:1::/64")).toEqual(["fd00:1::", "fd00:1:0:1::"]);
    expect(range("255.255.0.0/16")).toEqual(["255.255.0.0", undefined]);
    expect(range("0.0.0.0/0")).toEqual(["0.0.0.0", undefined]);
  });

  test("what is no subnet is named", () => {
    for (const text of ["10.1.0.0", "10.1.0.0/", "10.1.0.0/33", "fd00::/129", "10.1.0.0/-1", "10.1.0.0/1x"])
      expect(() => parseSubnet(text)).toThrow(`${JSON.stringify(text)} is no subnet`);
  });
});
