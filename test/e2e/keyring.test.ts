/** Every process that enters a container has a session keyring of its own: no key of the caller's, none of another container's (I4). */

import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { has } from "../../helpers/process.ts";
import { binary, type Result } from "../support/cli.ts";
import { compiled, compiledBytes } from "../support/compile.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

/** The kernel's keys (CONFIG_KEYS). */
function keys(): string | undefined {
  if (!has("gcc") || !existsSync("/proc/keys")) return "keys in its kernel (CONFIG_KEYS)";
  return Bun.spawnSync([compiled("keyring.c"), "there"]).exitCode === 0 ? undefined : "a kernel that lets us use keys";
}
const test = needing(root, tool("gcc"), keys);

const load = (machine: Machine) =>
  machine.load("keyring", [
    ...["bin/", "dev/", "proc/", "sys/"].map((name) => ({ name, mode: 0o755 })),
    { name: "bin/keyring", content: compiledBytes("keyring.c"), mode: 0o755 },
  ]);

/** Runs the binary from a session that has the key "ours". */
const fromSession = (machine: Machine, words: string[]) =>
  machine.exec([compiled("keyring.c"), "add", "ours", binary(), ...words]);

const look = ["/bin/keyring", "look", "ours"];
/** System calls on keys are not for a container, except with --privileged. */
const options = ["--network", "none", "--privileged"];

/** The serial number of the keyring, how many keys are in it, and what a search for the key said. */
function seen(result: Result): { serial: string; keys: string; search: string } {
  const [serial = "", count = "", search = ""] = ok(result).split("\n").at(-1)!.split(" ");
  expect(Number(serial)).toBeGreaterThan(0);
  return { serial, keys: count, search };
}

const unseen = { keys: "0", search: "ENOKEY" };

describe("a key of the caller's session (R12)", () => {
  test("is there for the caller's own programs: the test can see one", async () => {
    await withMachine([], async (machine) => {
      const result = await machine.exec([compiled("keyring.c"), "add", "ours", compiled("keyring.c"), "look", "ours"]);
      expect(seen(result)).toMatchObject({ keys: "1", search: "found" });
    });
  });
  for (const how of [[], ["--init"], ["-u", "1000"]])
    test(`is not there with run ${how.join(" ")}`, async () => {
      await withMachine(
        [],
        async (machine) => {
          const words = ["run", "--rm", ...options, ...how, "keyring", ...look];
          expect(seen(await fromSession(machine, words))).toMatchObject(unseen);
        },
        load,
      );
    });
  test("is not there with run -d, restart and exec", async () => {
    await withMachine(
      [],
      async (machine) => {
        const output = async () => {
          ok(await machine.run(["wait", "box"]));
          return seen(await machine.run(["logs", "box"]));
        };
        ok(await fromSession(machine, ["run", "-d", "--name", "box", ...options, "keyring", ...look]));
        expect(await output()).toMatchObject(unseen);
        ok(await fromSession(machine, ["restart", "box"]));
        expect(await output()).toMatchObject(unseen);
        ok(await machine.run(["rm", "box"]));
      },
      load,
    );
  });
  test("is not there in a program that exec starts", async () => {
    await withMachine(["busybox"], async (machine) => {
      const words = ["run", "-d", "--name", "box", ...options, "-v", `${compiled("keyring.c")}:/bin/keyring:ro`];
      ok(await machine.run([...words, "busybox", "sleep", "60"]));
      for (const how of [[], ["-u", "1000"]])
        expect(seen(await fromSession(machine, ["exec", "--privileged", ...how, "box", ...look]))).toMatchObject(
          unseen,
        );
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

describe("a container's key", () => {
  test("is in no other container, nor left in the caller's session", async () => {
    await withMachine(
      [],
      async (machine) => {
        const put = (name: string) => machine.container([...options, "keyring", "/bin/keyring", "put", name]);
        const [one, other] = [seen(await put("ours")), seen(await machine.container([...options, "keyring", ...look]))];
        expect([one.keys, one.search]).toEqual(["1", "found"]);
        expect(other).toMatchObject(unseen);
        expect(other.serial).not.toBe(one.serial);
        const script = `"$T" run --rm ${options.join(" ")} keyring /bin/keyring put theirs && "$K" look theirs`;
        const env = { T: binary(), K: compiled("keyring.c") };
        const result = await machine.exec([compiled("keyring.c"), "add", "ours", "sh", "-c", script], { env });
        expect(seen(result)).toMatchObject({ keys: "1", search: "ENOKEY" });
      },
      load,
    );
  });
});
