/** Real command lines: what the documentation of popular images says is accepted, started and stopped as it is. */

import { expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findCgroup2 } from "../../src/linux/cgroup.ts";
import { binary } from "../support/cli.ts";
import { commandLines, refusedLines } from "../support/command-lines.ts";
import { withMachine } from "../support/containers.ts";
import { withNetworks } from "../support/internet.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** A program that takes any words, and ends when it is told to. */
const entrypoint = ["/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 0.1 & wait $!; done", "entry"];

/** For each line what became of it: "started, stopped" if all went well. They take the same ports, so one comes after the other. */
const script = (lines: string[]) => `
td=${binary()}
docker() { shift; $td run -d "$@"; }
try() {
  id=$(eval "docker run $1" 2>err) || { grep -v 'warning:\\|hint:' err; return; }
  $td stop -t 1 $id >/dev/null 2>err || cat err
  code=$($td inspect -f '{{.State.ExitCode}}' $id 2>/dev/null || echo 0)
  $td rm -f -v $id >/dev/null 2>&1
  echo "started, ended with $code"
}
${lines.map((line) => `try '${line.replaceAll("'", `'\\''`)}'`).join("\n")}
rm -f err
`;

const image = /<([^ ]+)>/;

const isAsExpected = (line: string, result = ""): boolean =>
  // The second of one that was told to end before it listened.
  result === "started, ended with 0" ||
  result === "started, ended with 137" ||
  limits.some(({ option, works, message }) => !works && option.test(line) && result.includes(message));

/** Where this host can't do what a line asks for, that is said. */
const limits = [
  {
    option: /(^| )(-m|--memory|--cpu)/,
    works: ["cpu", "memory"].every((name) => findCgroup2()?.controllers.includes(name)),
    message: "this host has no cgroup v2 controller",
  },
  {
    option: /--ulimit/,
    works:
      ((BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))![1]}`) >> 24n) & 1n) === 1n,
    message: "the hard limit of tinydocker itself",
  },
];

test("there are sixty lines of popular images", () => {
  expect(commandLines.length).toBeGreaterThanOrEqual(60);
});

const half = Math.ceil(commandLines.length / 2);
for (const [which, lines, refused] of [
  ["one half of them is", commandLines.slice(0, half), []],
  ["the other half is", commandLines.slice(half), refusedLines],
] as const)
  test(`${which} accepted, started and stopped${refused.length > 0 ? "; what is not here is refused by name" : ""}`, async () => {
    await withMachine(
      ["busybox"],
      async (machine) => {
        await withNetworks(machine, { "some-network": [] }, async () => {
          const H = machine.file("host/");
          for (const directory of ["dev", "some", "media"]) mkdirSync(join(H, directory));
          for (const file of ["my-postgres.conf", "prometheus.yml", "traefik.yml", "docker.sock"])
            writeFileSync(join(H, file), "");
          for (const node of ["kmsg", "renderD128", "ttyUSB0", "tun"])
            ok(await machine.exec(["mknod", join(H, "dev", node), "c", "1", "3"]));
          const program = join(machine.tmp, "lines.sh");
          writeFileSync(program, script(lines.map((line) => line.replace(image, "$1"))));
          ok(await machine.run(["run", "-d", "--name", "some-db", "base"]));
          const { stdout, stderr } = await machine.exec(["sh", program], {
            env: { H },
            cwd: machine.tmp,
            timeoutMs: 120_000,
          });
          const results = stdout.trimEnd().split("\n");
          expect(stderr).toBe("");
          const claims = lines.map((line, number) => [line, isAsExpected(line, results[number]) || results[number]]);
          expect(claims).toEqual(lines.map((line) => [line, true]));
          for (const [line, message] of refused) {
            const words = ["sh", "-c", `${binary()} run ${line.replace(image, "base")}`];
            const { code, stderr: told } = await machine.exec(words);
            expect([line, code]).toEqual([line, 125]);
            expect(told).toContain(message);
          }
          ok(await machine.run(["rm", "-f", "some-db"]));
          ok(await machine.run(["volume", "prune", "-af"]));
          rmSync(H, { recursive: true });
          rmSync(program);
        });
      },
      async (machine) => {
        // As on a host with systemd: some lines want to see what is mounted later (rslave).
        ok(await machine.exec(["mount", "--make-shared", "/"]));
        ok(await machine.run(["create", "--name", "box", "busybox"]));
        ok(await machine.run(["commit", "-c", `ENTRYPOINT ${JSON.stringify(entrypoint)}`, "box", "base"]));
        ok(await machine.run(["rm", "box"]));
        const names = [...new Set(lines.map((line) => image.exec(line)![1]!))];
        ok(await machine.exec(["sh", "-ec", names.map((name) => `${binary()} tag base ${name}`).join("\n")]));
        ok(await machine.run(["run", "-d", "--rm", "--name", "first", "-v", "first:/v", "base"]));
        ok(await machine.run(["stop", "first"]));
        ok(await machine.run(["volume", "rm", "first"]));
      },
    );
  });
