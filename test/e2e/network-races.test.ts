/** Commands about networks at the same time as others: none sees the half of what another one does. */

import { expect } from "bun:test";
import { said, withMachine } from "../support/containers.ts";
import { idle, withInternet, withNetworks } from "../support/internet.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"));

/** Says a thing again and again until another one is over. */
async function meanwhile(again: () => Promise<void>, work: () => Promise<void>): Promise<void> {
  let over = false;
  const loop = (async () => {
    while (!over) await again();
  })();
  await work().finally(() => {
    over = true;
  });
  await loop;
}

const outside = ["ping", "-c1", "-W2", "192.0.2.2"];

test("prune and reload take nothing away from containers that are being started", async () => {
  await withInternet(["busybox"], async (machine) => {
    for (const words of [["prune", "-f"], ["reload"]])
      await meanwhile(
        async () => {
          const { code, stderr } = await machine.run(["network", ...words]);
          expect([words, code, stderr]).toEqual([words, 0, ""]);
        },
        async () => {
          for (let turn = 0; turn < 20; turn++) {
            const { code, stdout } = await machine.container(["-p", "8080:80", "busybox", ...outside]);
            expect([words, turn, code, stdout]).toEqual([words, turn, 0, stdout]);
          }
        },
      );
    ok(await machine.run(["run", "--rm", "busybox", "true"]));
  });
});

test("a network that is removed while a container is started in it is there for it, or is not", async () => {
  await withInternet(["busybox"], async (machine) => {
    await withNetworks(machine, { stays: [] }, async () => {
      const before = machine.snapshot();
      const may = /^$|no such network: net|exists already|net is in use by/;
      await meanwhile(
        async () => {
          for (const word of ["create", "rm"]) {
            const text = said(await machine.run(["network", word, "net"]));
            expect([word, text]).toEqual([word, expect.stringMatching(may)]);
          }
        },
        async () => {
          for (let turn = 0; turn < 30; turn++) {
            const how = turn % 2 === 0 ? "--rm" : "-d";
            const result = await machine.run(["run", how, "--name", "box", "--network", "net", "busybox", ...outside]);
            const text = said(result);
            expect([turn, result.code, text]).toEqual([turn, text === "" ? 0 : 125, expect.stringMatching(may)]);
            if (how === "-d") await machine.run(["rm", "-f", "box"]);
          }
        },
      );
      await machine.run(["network", "rm", "net"]);
      await machine.expectNothingLeft(before);
    });
  });
});

test("of several that connect or disconnect one container at once, one succeeds for each network", async () => {
  await withMachine(["busybox"], async (machine) => {
    await withNetworks(machine, { one: [], two: [] }, async () => {
      await idle(machine, "box");
      for (const word of ["connect", "disconnect", "connect"]) {
        const commands = ["one", "two", "one", "two"].map((network) => machine.run(["network", word, network, "box"]));
        expect((await Promise.all(commands)).map(({ code }) => code).sort()).toEqual([0, 0, 1, 1]);
      }
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});
