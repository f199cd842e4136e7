/** Stdin, stdout and stderr of a container are its own: nothing that the caller has given is to be reached by them (I1, I2, P1). */

import { describe, expect } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { type Answer, done, inodeOf, terminalWays, ways, withStdio } from "../support/stdio.ts";

const test = needing(root);

const images = ["probe", "busybox"];

/** Fails unless every descriptor is a pipe, the container's own null device, or its own terminal. */
function expectOwn({ null: ownNull, descriptors }: Answer, callers: string[]): void {
  expect(ownNull).not.toBe(inodeOf("/dev/null"));
  for (const { type, inode, device, link } of descriptors) {
    expect(callers).not.toContain(inode);
    if (type === "pipe") expect(link).toMatch(/^pipe:\[\d+\]$/);
    else {
      expect(type).toBe("character");
      if (device === "1:3") expect([inode, link]).toEqual([ownNull, "/dev/null"]);
      else
        expect([device, link]).toEqual([
          expect.stringMatching(/^136:/),
          expect.stringMatching(/^\/dev\/(console|pts\/\d+)$/),
        ]);
    }
  }
}

/** Things of the host that a caller may give: how a shell gives them as stdin and as the two others. */
async function things(machine: Machine): Promise<Record<string, { redirections: string; path: string }>> {
  const file = machine.file("tmp/file", "precious\n");
  const directory = machine.file("tmp/directory/");
  const fifo = join(machine.tmp, "fifo");
  ok(await machine.exec(["mkfifo", fifo]));
  const all = (path: string, how = "<>") => ({ redirections: `0${how}${path} 1<>${file} 2>&1`, path });
  return {
    "a file that may be read": { redirections: `<${file} >/dev/null 2>&1`, path: file },
    "a file that may be read and written": { redirections: `0<>${file} 1<>${file} 2>>${file}`, path: file },
    "a directory": { redirections: `0<${directory} >/dev/null 2>&1`, path: directory },
    "a FIFO": all(fifo),
    "the null device": { redirections: "</dev/null >/dev/null 2>/dev/null", path: "/dev/null" },
    "another device": { redirections: "</dev/zero >/dev/zero 2>/dev/zero", path: "/dev/zero" },
    "nothing: closed": { redirections: "<&- >&- 2>&-", path: "/" },
  };
}

describe("each of stdin, stdout and stderr is a pipe, a terminal or a null device of the container's own", () => {
  for (const [name, way] of Object.entries(ways)) {
    test(`with ${name}, whatever the caller gives`, async () => {
      await withMachine(images, async (machine) => {
        const outside = [inodeOf("/dev/null"), inodeOf("/dev/zero")];
        for (const [thing, { redirections, path }] of Object.entries(await things(machine))) {
          const answer = await way(machine, redirections, []).catch((error) => {
            throw new Error(`${thing}: ${error.message}`);
          });
          expectOwn(answer, [...outside, inodeOf(path), inodeOf(join(machine.tmp, "file"))]);
        }
        await done(machine);
        ok(await machine.exec(["rm", "-r", "tmp/file", "tmp/directory", "tmp/fifo"]));
      });
    });
  }
  for (const [name, way] of Object.entries(terminalWays)) {
    test(`with ${name}: a terminal of its own`, async () => {
      await withMachine(images, async (machine) => {
        const answer = await way(machine, "</dev/null", []);
        expectOwn(answer, [inodeOf("/dev/null")]);
        expect(answer.descriptors.map(({ device }) => device)).toContain("136:0");
        await done(machine);
      });
    });
  }
  test("with a directory as stdin, which can't be read, the program still ends with its own code", async () => {
    await withMachine(images, async (machine) => {
      await detached(machine, "box", forever);
      for (const words of [
        ["run", "--rm", "busybox"],
        ["exec", "box"],
      ])
        expect((await withStdio(machine, "</", [...words, "sh", "-c", "cat; exit 3"])).code).toBe(3);
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
  test("with a socket of the caller's", async () => {
    await withMachine(images, async (machine) => {
      // Bun gives its children sockets; `cat` would see them as they are.
      const { stdout } = await machine.exec(["stat", "-L", "-c", "%F", "/proc/self/fd/1"]);
      const how = ["run", "--rm", "probe", "/bin/probe", "stdio"];
      const { descriptors } = JSON.parse((await machine.run(how, { stdin: "" })).stdout) as Answer;
      expect([stdout.trim(), descriptors.map(({ type }) => type)]).toEqual([
        expect.stringMatching(/^(socket|fifo)$/),
        ["pipe", "pipe", "pipe"],
      ]);
    });
  });
});

describe("what the caller gives can't be reached by /proc/self/fd", () => {
  /** A shell script inside, with a file of the host's as stdin, stdout and stderr. */
  const inside = async (machine: Machine, how: string[], script: string) => {
    const precious = machine.file("tmp/precious", "precious\n");
    const before = statSync(precious);
    await withStdio(machine, `<${precious} >>${precious} 2>>${precious}`, [...how, "sh", "-c", script]);
    const { mode, uid, ino } = statSync(precious);
    expect([mode, uid, ino]).toEqual([before.mode, before.uid, before.ino]);
    const content = readFileSync(precious, "utf8");
    ok(await machine.exec(["rm", precious]));
    return content;
  };
  const script = `for n in 0 1 2; do
      echo OVER >/proc/self/fd/$n; ls -d /proc/self/fd/$n/..; chmod 4777 /proc/self/fd/$n; chown 7 /proc/self/fd/$n
    done >/dev/null; : >/dev/stdout; : >/dev/stderr; ls /proc/self/fd/0/ 2>&1; readlink /proc/self/fd/0`;
  for (const name of ["run", "run --log-driver none", "run -u 0 --init", "exec"]) {
    test(`${name}: a file is neither emptied, overwritten, changed nor named`, async () => {
      await withMachine(["busybox"], async (machine) => {
        if (name === "exec") await detached(machine, "box", forever);
        const words = name === "exec" ? ["exec", "box"] : [...name.split(" "), "--rm", "--network", "none", "busybox"];
        const content = await inside(machine, words, script);
        expect(content).toStartWith("precious\n");
        expect(content).not.toContain(machine.directory);
        if (name === "exec") ok(await machine.run(["rm", "-f", "box"]));
      });
    });
  }
  test("a directory is not listed", async () => {
    await withMachine(["busybox"], async (machine) => {
      machine.file("tmp/secret/name");
      const script = "ls /proc/self/fd/0/ /proc/self/fd/0/.. 2>&1; cd /proc/self/fd/0 && pwd; true";
      const words = ["run", "--rm", "--network", "none", "busybox", "sh", "-c", script];
      const { stdout } = await withStdio(machine, `<${machine.tmp}/secret`, words);
      expect(stdout).toContain("Not a directory");
      expect(stdout).not.toContain("name");
      ok(await machine.exec(["rm", "-r", "tmp/secret"]));
    });
  });
});

describe("masks", () => {
  const masked = ["interrupts", "kcore", "keys", "latency_stats", "sched_debug", "timer_list", "timer_stats"];
  test("are no file of the host's: chmod and chown of one change nothing outside", async () => {
    await withMachine(["busybox"], async (machine) => {
      const paths = masked.map((name) => `/proc/${name}`);
      const { stdout } = await machine.sh(`stat -c '%n %d:%i' ${paths.join(" ")} /dev/null 2>/dev/null; true`);
      const seen = Object.fromEntries(
        stdout
          .trim()
          .split("\n")
          .map((line) => line.split(" ")),
      );
      expect(Object.keys(seen).length).toBeGreaterThan(2);
      // The device number of the host's /dev and /proc.
      const hosts = ["/dev/null", "/proc"].map((path) => String(statSync(path).dev));
      for (const [path, inode] of Object.entries(seen) as [string, string][])
        expect([path, hosts.includes(inode.split(":")[0]!)]).toEqual([path, false]);
    });
  });
});

describe("a user that is not root can open /dev/stdin, /dev/stdout and /dev/stderr to read, to write and for both (P1)", () => {
  const all = ["ok", "ok", "ok"];
  for (const [name, way] of Object.entries({ ...ways, ...terminalWays })) {
    test(`with ${name}`, async () => {
      await withMachine(images, async (machine) => {
        const { descriptors } = await way(machine, "", ["-u", "1000:2000"]);
        expect(descriptors.map(({ open }) => open)).toEqual([all, all, all]);
        await done(machine);
      });
    });
  }
  test("and exec -u of another user than the container's", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever, ["-u", "5"]);
      const script = "echo out >/dev/stdout; echo err >/dev/stderr; cat /dev/stdin";
      const words = ["exec", "-u", "1000", "-i", "box", "sh", "-c", script];
      expect(await machine.run(words, { stdin: "in\n" })).toMatchObject({
        code: 0,
        stdout: "out\nin\n",
        stderr: "err\n",
      });
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

describe("long command lines (P18)", () => {
  const thousand = Array.from({ length: 1000 }, (_, index) => String(index));
  const settings = thousand.slice(0, 250).flatMap((index) => ["-e", `SETTING${index}=${index}`]);
  test("of a thousand words and 250 settings work for run and exec", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "box", forever);
      const script = "echo $# $(env | grep -c ^SETTING)";
      for (const words of [
        ["run", "--rm", ...settings, "busybox"],
        ["exec", ...settings, "box"],
      ])
        expect(ok(await machine.run([...words, "sh", "-c", script, "sh", ...thousand]))).toBe("1000 250");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

describe("in a loop of the shell's", () => {
  const lines = Array.from({ length: 8 }, (_, index) => `line ${index}`);
  for (const words of [
    "run --rm --network none busybox",
    "exec box",
    "run --rm --network none --log-driver none busybox",
  ]) {
    test(`\`while read line; do tinydocker ${words} ...; done <file\` goes through all lines`, async () => {
      await withMachine(["busybox"], async (machine) => {
        await detached(machine, "box", forever);
        machine.file("tmp/lines", `${lines.join("\n")}\n`);
        const script = `while read -r line; do "$T" ${words} echo "$line" || exit; done <tmp/lines; rm tmp/lines`;
        expect(ok(await machine.exec(["sh", "-c", script], { env: { T: binary() } }))).toBe(lines.join("\n"));
        ok(await machine.run(["rm", "-f", "box"]));
      });
    });
  }
});

describe("traffic in both directions at once (P3)", () => {
  const ways = {
    run: "run --rm -i --network none busybox",
    "run with a health check": "run --rm -i --network none --health-cmd true busybox",
    exec: "exec -i box",
    "start -a -i": "start -a -i made",
  };
  for (const [name, words] of Object.entries(ways)) {
    test(`${name}: ten megabytes come back whole`, async () => {
      await withMachine(["busybox"], async (machine) => {
        await detached(machine, "box", forever);
        if (name.startsWith("start")) ok(await machine.run(["create", "-i", "--name", "made", "busybox", "cat"]));
        const cat = name.startsWith("start") ? "" : "cat";
        const script = `head -c 10000000 /dev/urandom >tmp/in; "$T" ${words} ${cat} <tmp/in | cmp - tmp/in && echo same; rm tmp/in`;
        expect(ok(await machine.exec(["sh", "-c", script], { env: { T: binary() } }))).toBe("same");
        ok(await machine.run(["rm", "-f", "box", ...(cat ? [] : ["made"])]));
      });
    });
  }
});
