/** Bytes that are not UTF-8 are refused where they can't be passed on unharmed, and never replaced by others (P10). */

import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { binary } from "../support/cli.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);
const none = "--network none";

/** Runs a line of shell with `$td` and `$bad`, a word with a byte that is not UTF-8; in a directory of its own. */
const shell = (machine: Machine, line: string) =>
  machine.exec(["sh", "-c", `td=${binary()}; bad=$(printf 'd\\351'); cd ${machine.file("tmp/here/")}; ${line}`]);

describe("a word that is not UTF-8", () => {
  test("is no error while it is being typed", async () => {
    await withMachine([], async (machine) => {
      const { code, stderr } = await shell(machine, '$td __complete run "$bad"');
      expect([code, stderr]).toEqual([0, ""]);
      await machine.exec(["rm", "-rf", machine.file("tmp/here/")]);
    });
  });
  test("is refused wherever it stands, and shown; nothing is made under another name", async () => {
    await withMachine(["busybox"], async (machine) => {
      const lines = [
        `$td run --rm ${none} -v "$PWD/$bad:/m" busybox true`,
        `$td run --rm ${none} -e "X=$bad" busybox true`,
        `$td run --rm ${none} busybox echo "$bad"`,
        `$td create ${none} --label "l=$bad" busybox`,
        `$td exec box echo "$bad"`,
        `$td run --rm ${none} busybox echo __complete "$bad"`,
        `$td cp "$bad" box:/`,
        `$td --root "$PWD/$bad" ps`,
        `$td volume create -o "device=/$bad" v`,
      ];
      for (const line of lines) {
        const result = await shell(machine, line);
        expect([line, result.code, said(result)]).toEqual([
          line,
          125,
          expect.stringMatching(/argument \d+ is not UTF-8: \$'.*d\\xe9/),
        ]);
      }
      expect(readdirSync(machine.file("tmp/here/"))).toEqual([]);
      await machine.exec(["rm", "-rf", machine.file("tmp/here/")]);
    });
  });
  test("is refused in a variable that is passed on by its name, and in a file of variables or labels", async () => {
    await withMachine(["busybox"], async (machine) => {
      const refused = async (line: string, message: string) => {
        const result = await shell(machine, line);
        expect([line, result.code, said(result)]).toEqual([line, 125, expect.stringContaining(message)]);
      };
      const run = `$td run --rm ${none}`;
      for (const name of ["TINYDOCKER_ROOT", "TINYDOCKER_CONFIG"])
        await refused(`export ${name}="/$bad"; $td ps`, `the environment: the variable ${name} is not UTF-8`);
      await refused(`export X="$bad"; ${run} -e X busybox true`, "--env: the variable X is not UTF-8: $'X=d\\xe9'");
      await refused(
        `printf 'A=1\\nX=%s\\n' "$bad" >f; ${run} --env-file f busybox true`,
        "--env-file f, line 2: not UTF-8: $'X=d\\xe9'",
      );
      await refused(`printf 'l=%s' "$bad" >f; ${run} --label-file f busybox true`, "--label-file f, line 1: not UTF-8");
      await refused(`mkdir "$bad"; cd "$bad"; ${run} -v ./x:/x busybox true`, "the working directory is not UTF-8");
      await machine.exec(["rm", "-rf", machine.file("tmp/here/")]);
    });
  });
  test("does no harm where it is not ours: other variables, the working directory, files that are copied", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(ok(await shell(machine, `export X="$bad"; $td run --rm ${none} busybox echo fine`))).toBe("fine");
      expect(ok(await shell(machine, `mkdir "$bad"; cd "$bad"; $td run --rm ${none} busybox echo fine`))).toBe("fine");
      const copy = `mkdir t; echo hi >"t/$bad"; $td create --name box ${none} busybox >/dev/null; $td cp t box:/; $td cp box:/t u; ls u | od -An -tx1; cat "u/$bad"; $td rm box >/dev/null`;
      expect(ok(await shell(machine, copy))).toBe("64 e9 0a\nhi");
      await machine.exec(["rm", "-rf", machine.file("tmp/here/")]);
    });
  });
});

test("U+FFFD itself is a character like others", async () => {
  await withMachine(["busybox"], async (machine) => {
    const sign = "\ufffd";
    expect(
      ok(
        await machine.run([
          "run",
          "--rm",
          ...none.split(" "),
          "-e",
          `X=${sign}`,
          "busybox",
          "sh",
          "-c",
          `echo $X ${sign}`,
        ]),
      ),
    ).toBe(`${sign} ${sign}`);
    expect(ok(await shell(machine, `export X=${sign}; $td run --rm ${none} -e X busybox sh -c 'echo $X'`))).toBe(sign);
    await machine.exec(["rm", "-rf", machine.file("tmp/here/")]);
  });
});
