/** Published ports as elements of our maps and as rules of iptables: what is read back is what was written. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addition, parsePublication, parseSaved, planPublication } from "../../src/network/firewall/iptables-rules.ts";
import {
  parsePublication as parseElement,
  planPublication as planElement,
  type portSets,
} from "../../src/network/firewall/nft-element.ts";
import { formatAddress } from "../../src/plan/network/address.ts";
import type { Publication } from "../../src/plan/network/network.ts";

const address = (bytes: 4 | 16) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(formatAddress);
const port = fc.integer({ min: 1, max: 65_535 });
const publications: fc.Arbitrary<Publication> = fc.constantFrom(4 as const, 16 as const).chain((bytes) =>
  fc.record({
    protocol: fc.constantFrom("tcp", "udp", "sctp"),
    hostIp: fc.oneof(fc.constant(bytes === 4 ? "0.0.0.0" : "::"), address(bytes)),
    hostPort: port,
    ip: address(bytes),
    port,
    bridge: fc.constant("br0"),
  }),
);
const owner = "0123456789abcdef".repeat(4);

describe("a published port", () => {
  test("is the same when it is read from an element", () => {
    fc.assert(
      fc.property(publications, ({ bridge, ...rest }) => {
        const { set, ...element } = planElement({ bridge, ...rest }, owner);
        expect(parseElement(set as (typeof portSets)[number], element)).toEqual({ ...rest, owner });
      }),
    );
  });

  test("is the same when it is read from what iptables-save prints", () => {
    fc.assert(
      fc.property(publications, ({ bridge, ...rest }) => {
        const saved = parseSaved(
          `*nat\n:TINYDOCKER - [0:0]\n${addition(planPublication({ bridge, ...rest }, owner))}\nCOMMIT\n`,
        );
        expect([...saved.nat.comments].map(parsePublication)).toEqual([{ ...rest, owner }]);
      }),
    );
  });

  test("has an element of its own for each address, protocol and port", () => {
    fc.assert(
      fc.property(publications, publications, (one, other) => {
        const [a, b] = [one, other].map((publication) => planElement(publication, owner));
        const isSame = ["protocol", "hostIp", "hostPort"].every(
          (field) => one[field as "port"] === other[field as "port"],
        );
        expect(a!.set === b!.set && a!.key.toHex() === b!.key.toHex()).toBe(isSame);
      }),
    );
  });
});

test("rules of others are not taken for ours", () => {
  const saved = parseSaved(`*filter
:FORWARD DROP [0:0]
:TINY - [0:0]
-A FORWARD -m comment --comment "tinydockers own" -j ACCEPT
-A FORWARD -m comment --comment tinydocker -j ACCEPT
COMMIT
`);
  expect(saved.filter).toEqual({ chains: new Set(), comments: new Set() });
});
