/** Seccomp profiles of `--security-opt` that have an agent decide about system calls (SCMP_ACT_NOTIFY, listenerPath). */

import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineOf, numbersOf } from "../../src/linux/seccomp/architectures.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { SeccompAgent } from "../support/seccomp-agent.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const test = needing(root);

const mkdirat = String(numbersOf(machineOf(process.arch)).get("mkdirat")!);
const ask = ["/bin/probe", "calls", mkdirat];
const answer = { [mkdirat]: "ENOMSG" };

/** `--security-opt` of a profile in which an agent answers mkdirat(2). @returns it, and where the agent is to listen. */
function profileOf(machine: Machine): { option: string[]; socket: string } {
  const [socket, file] = [join(machine.tmp, "agent"), join(temporaryDirectory(), "profile.json")];
  const seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath: socket,
    listenerMetadata: "mine",
    // What process 1 of --init does itself is not asked about.
    syscalls: [{ names: ["mkdirat", "kill", "waitid"], action: "SCMP_ACT_NOTIFY" }],
  };
  writeFileSync(file, JSON.stringify(seccomp));
  return { option: ["--security-opt", `seccomp=${file}`], socket };
}

/** What the first user namespace makes. */
const mapped = async (machine: Machine): Promise<void> => {
  ok(await machine.container(["--userns", "auto", "probe", "/bin/probe", "ids"]));
};

describe("a container with an agent", () => {
  test("is told to it at each start, and each exec; under --init, as a user, and in a user namespace, too", async () => {
    await withMachine(
      ["probe"],
      async (machine) => {
        const { option, socket } = profileOf(machine);
        await using agent = await SeccompAgent.at(socket, {
          mkdirat: "errno:42",
          kill: "continue",
          waitid: "continue",
        });
        for (const more of [[], ["--init", "-u", "5"], ["--userns", "auto"]]) {
          expect([more, await machine.ask([...option, ...more], ...ask.slice(1))]).toEqual([more, answer]);
          const { metadata, state } = (await agent.next()).state;
          await agent.closed();
          const bundle = join(machine.root, "containers", state.id);
          expect({ metadata, state }).toEqual({
            metadata: "mine",
            state: {
              ociVersion: expect.stringMatching(/^1\.\d+\.\d+$/),
              id: expect.any(String),
              status: "creating",
              bundle,
              pid: expect.any(Number),
            },
          });
        }
        const id = ok(
          await machine.run(["run", "-d", ...option, "--name", "box", "probe", "/bin/probe", "sleep", "60"]),
        );
        const first = (await agent.next()).state;
        expect(first.state.id).toBe(id);
        await agent.closed();
        expect(JSON.parse(ok(await machine.run(["exec", "--privileged", "box", ...ask])))).toEqual(answer);
        const { pid, state } = (await agent.next()).state;
        await agent.closed();
        expect(state).toMatchObject({ id, status: "running", pid: first.pid });
        expect(pid).not.toBe(first.pid);
        ok(await machine.run(["restart", "-t", "0", "box"]));
        expect((await agent.next()).state.state).toMatchObject({ id, status: "creating" });
        ok(await machine.run(["rm", "-f", "box"]));
        expect(ok(await machine.run(["explain", "run", ...option, "probe"]))).toContain(`agent=${socket}`);
      },
      mapped,
    );
  });

  test("does not start without it: the error names its socket, and nothing is left", async () => {
    await withMachine(["probe"], async (machine) => {
      const { option, socket } = profileOf(machine);
      for (const how of [["--rm"], ["--rm", "-d"], ["--rm", "--init"]]) {
        const result = await machine.run(["run", ...how, ...option, "probe", ...ask]);
        expect([how, result.code, said(result)]).toEqual([
          how,
          125,
          expect.stringContaining(`cannot reach the agent of listenerPath ${socket}`),
        ]);
      }
    });
  });
});
