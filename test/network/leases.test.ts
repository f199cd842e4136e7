import { describe, expect, onTestFinished, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { ConflictError, UsageError } from "../../src/errors.ts";
import { close } from "../../src/linux/file.ts";
import { type Lease, type LeaseRequest, listLeases, releaseLease, takeLease } from "../../src/network/leases.ts";
import { readAddress } from "../../src/plan/network/address.ts";
import { contains, parseSubnet } from "../../src/plan/network/subnet.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Takes leases of one network, and closes them with the test. */
function aDirectory(defaults: Partial<LeaseRequest> = {}) {
  const directory = `${temporaryDirectory()}/leases`;
  const leases: Lease[] = [];
  onTestFinished(() => {
    for (const { lock } of leases) close(lock);
  });
  const subnet = { subnet: "10.9.0.0/24", gateway: "10.9.0.1" };
  const take = (owner: string, more: Partial<LeaseRequest> = {}): Lease => {
    const lease = takeLease({ directory, ...subnet, owner, isAlive: () => false, ...defaults, ...more });
    leases.push(lease);
    return lease;
  };
  const give = (lease: Lease) => {
    leases.splice(leases.indexOf(lease), 1);
    releaseLease(directory, lease);
  };
  /** As if its monitor were killed. */
  const kill = (lease: Lease) => {
    leases.splice(leases.indexOf(lease), 1);
    close(lease.lock);
  };
  return { directory, take, give, kill };
}

describe("an address", () => {
  test("is the first behind the gateway, then the next, and free again when it is given back", () => {
    const { directory, take, give } = aDirectory();
    const [a, b, c] = [take("a"), take("b"), take("c")];
    expect([a.address, b.address, c.address]).toEqual(["10.9.0.2", "10.9.0.3", "10.9.0.4"]);
    expect(readFileSync(`${directory}/10.9.0.3`, "utf8")).toBe("b\n");
    give(c);
    expect(readdirSync(directory).sort()).toEqual(["10.9.0.2", "10.9.0.3"]);
    expect(take("d").address).toBe("10.9.0.4");
    for (const lease of [a, b]) give(lease);
    expect(take("e").address).toBe("10.9.0.2");
  });

  test("is another while something of who had it is left, but for those who want it or had it, or when there is no other", () => {
    const left = ["10.9.0.2", "10.9.0.3"];
    const { take, give } = aDirectory({ isLeft: (address) => left.includes(address) });
    const lease = take("a");
    expect(lease.address).toBe("10.9.0.4");
    give(lease);
    expect(take("b", { wanted: "10.9.0.2" }).address).toBe("10.9.0.2");
    expect(take("c", { previous: "10.9.0.3" }).address).toBe("10.9.0.3");
    const few = aDirectory({ range: "10.9.0.2/31", isLeft: () => true });
    expect(["d", "e"].map((owner) => few.take(owner).address)).toEqual(["10.9.0.2", "10.9.0.3"]);
  });

  test("that is wanted is had, or its owner is named", () => {
    const { take, give } = aDirectory();
    const lease = take("f".repeat(64), { wanted: "10.9.0.77" });
    expect(lease.address).toBe("10.9.0.77");
    const again = () => take("b", { wanted: "10.9.0.77" });
    expect(again).toThrow(ConflictError);
    expect(again).toThrow(`the address 10.9.0.77 is taken by container ${"f".repeat(12)}`);
    give(lease);
    expect(again().address).toBe("10.9.0.77");
  });

  test.each([
    ["10.9.1.2", "the address 10.9.1.2 is not in the subnet 10.9.0.0/24"],
    ["10.9.0.1", "the address 10.9.0.1 is the gateway's"],
    ["10.9.0.0", "the address 10.9.0.0 is not the address of a host in 10.9.0.0/24"],
    ["10.9.0.255", "the address 10.9.0.255 is not the address of a host in 10.9.0.0/24"],
    ["fd00::2", "the address fd00::2 is not in the subnet 10.9.0.0/24"],
    ["10.9.0.256", '"10.9.0.256" is not an IPv4 or IPv6 address'],
  ])("%s is refused where no container can have it", (wanted, message) => {
    const { directory, take } = aDirectory();
    expect(() => take("a", { wanted })).toThrow(UsageError);
    expect(() => take("a", { wanted })).toThrow(message);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("is the one that the container had before, if it can be", () => {
    const { take } = aDirectory();
    expect(take("a", { previous: "10.9.0.50" }).address).toBe("10.9.0.50");
    expect(take("b", { previous: "10.9.0.50" }).address).toBe("10.9.0.2");
    for (const previous of ["10.8.0.2", "10.9.0.1", "10.9.0.255", "rubbish", ""])
      expect(take("c", { previous }).address).not.toBe(previous);
  });

  test("of a dead monitor is free, unless its container lives", () => {
    const { take, kill } = aDirectory({ subnet: "10.9.0.0/30" });
    kill(take("a"));
    expect(() => take("b", { isAlive: (owner) => owner === "a" })).toThrow(ConflictError);
    expect(() => take("b", { wanted: "10.9.0.2", isAlive: () => true })).toThrow("taken by container a");
    const mine = take("a", { isAlive: () => true });
    expect(mine.address).toBe("10.9.0.2");
    kill(mine);
    expect(take("b").address).toBe("10.9.0.2");
  });

  test("whose taking was cut short is free", () => {
    const { directory, take } = aDirectory({ subnet: "10.9.0.0/30", isAlive: () => true });
    take("a");
    for (const rubbish of ["", "half-an-id-without-its-end"]) {
      const other = aDirectory({ subnet: "10.9.0.0/30", isAlive: () => true });
      other.kill(other.take("x"));
      writeFileSync(`${other.directory}/10.9.0.2`, rubbish);
      expect(other.take("b").address).toBe("10.9.0.2");
      expect(listLeases(other.directory)).toEqual([{ address: "10.9.0.2", owner: "b", held: true }]);
    }
    expect(existsSync(`${directory}/10.9.0.2`)).toBe(true);
  });

  test("is given back once, whatever became of its file", () => {
    const { directory, take, give, kill } = aDirectory();
    const lost = take("a");
    releaseLease(directory, { address: lost.address, lock: take("b").lock });
    const next = take("c", { wanted: lost.address });
    give(lost);
    expect(listLeases(directory)).toContainEqual({ address: "10.9.0.2", owner: "c", held: true });
    kill(next);
    expect(listLeases(directory)).toContainEqual({ address: "10.9.0.2", owner: "c", held: false });
  });
});

describe("all addresses", () => {
  test.each([
    ["10.9.0.0/24", 253],
    ["10.9.0.0/29", 5],
    ["10.9.0.0/30", 1],
    ["10.9.0.0/31", 1],
    ["fd09::/120", 254],
  ])("of %s but those of the subnet are %d, then it is full", (subnet, count) => {
    const gateway = subnet.startsWith("fd") ? "fd09::1" : "10.9.0.1";
    const { take } = aDirectory({ subnet, gateway });
    const addresses = Array.from({ length: count }, (_, at) => take(`${at}`).address);
    expect(new Set(addresses).size).toBe(count);
    const none = () => take("more");
    expect(none).toThrow(ConflictError);
    expect(none).toThrow(`no address is free in ${subnet}: all ${count} are in use`);
  });

  test("come from the range, where there is one", () => {
    const { take } = aDirectory({ range: "10.9.0.128/30" });
    expect(Array.from({ length: 4 }, () => take("a").address).sort()).toEqual(
      ["10.9.0.128", "10.9.0.129", "10.9.0.130", "10.9.0.131"].sort(),
    );
    expect(() => take("b")).toThrow("no address is free in 10.9.0.128/30: all 4 are in use");
    expect(take("b", { wanted: "10.9.0.9" }).address).toBe("10.9.0.9");
  });

  test("of both families lie side by side", () => {
    const { directory, take } = aDirectory();
    for (const last of [2, 3]) {
      expect(take("a").address).toBe(`10.9.0.${last}`);
      expect(take("a", { subnet: "fd09::/64", gateway: "fd09::1" }).address).toBe(`fd09::${last}`);
    }
    expect(listLeases(directory)).toHaveLength(4);
  });

  test("are never had by two, in whatever order they are taken, given back and lost", () => {
    const step = fc.record({
      what: fc.constantFrom("take", "take", "give", "kill"),
      which: fc.nat(20),
      wanted: fc.nat(15),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const directory = `${temporaryDirectory()}/leases`;
        const held: Lease[] = [];
        for (const { what, which, wanted } of steps) {
          if (what === "take") {
            const request = { directory, subnet: "10.9.0.0/28", gateway: "10.9.0.1", owner: "x", isAlive: () => false };
            const previous = `10.9.0.${wanted}`;
            if (held.length < 13) held.push(takeLease({ ...request, previous }));
            else expect(() => takeLease(request)).toThrow(ConflictError);
          } else if (held.length > 0) {
            const [lease] = held.splice(which % held.length, 1) as [Lease];
            if (what === "give") releaseLease(directory, lease);
            else close(lease.lock);
          }
          expect(new Set(held.map(({ address }) => address)).size).toBe(held.length);
        }
        const subnet = parseSubnet("10.9.0.0/28");
        expect(held.every(({ address }) => contains(subnet, readAddress(address)!))).toBe(true);
        for (const lease of held) releaseLease(directory, lease);
      }),
      { numRuns: 100 },
    );
  });

  test("taken by 50 processes at once are 250 different ones, and all free when they are killed", async () => {
    const { directory, take } = aDirectory();
    const script = join(import.meta.dir, "../support/take-lease.ts");
    const children = Array.from({ length: 50 }, () =>
      Bun.spawn([process.execPath, script, directory, "10.9.0.0/24", "5"], { stdio: ["pipe", "pipe", "inherit"] }),
    );
    onTestFinished(() => {
      for (const child of children) child.kill("SIGKILL");
    });
    const said = await Promise.all(
      children.map(async ({ stdout }) => {
        let text = "";
        const decoder = new TextDecoder();
        for await (const bytes of stdout) {
          text += decoder.decode(bytes);
          if (text.endsWith("done\n")) break;
        }
        return text.trim().split("\n").slice(0, -1);
      }),
    );
    expect(new Set(said.flat()).size).toBe(250);
    expect(listLeases(directory).filter(({ held }) => held)).toHaveLength(250);
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map(({ exited }) => exited));
    expect(listLeases(directory).filter(({ held }) => held)).toEqual([]);
    for (let count = 0; count < 253; count++) take(`${count}`);
    expect(new Set(listLeases(directory).map(({ owner }) => owner)).size).toBe(253);
  });
});
