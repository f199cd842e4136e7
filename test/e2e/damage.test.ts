/** Records that are damaged in every way: told by name, in nobody else's way, and removed (F14). */

import { describe, expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unpackStateRoot } from "../state-roots/unpack.ts";
import type { Result } from "../support/cli.ts";
import { imageTar, Machine, withMachine } from "../support/containers.ts";
import { detached, forever, ok, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

interface Damage {
  title: string;
  /** What becomes of the text; undefined for a file that is gone. */
  of(text: string): string | undefined;
  /** What is said of it, behind the file's name. */
  said: RegExp;
}

/** @param field is there in a whole record. */
const damagesOf = (field: string): Damage[] => {
  const change = (use: (record: Record<string, unknown>, name: string) => void) => (text: string) => {
    const record = JSON.parse(text);
    const names = field.split(".");
    const last = names.pop()!;
    use(
      names.reduce((inner, name) => inner[name], record),
      last,
    );
    return JSON.stringify(record);
  };
  const named = (what: string) => new RegExp(`: ${field.replaceAll(".", "\\.")} ${what}`);
  return [
    { title: "missing", of: () => undefined, said: / is missing/ },
    { title: "empty", of: () => "", said: / is empty/ },
    { title: "cut off", of: (text) => text.slice(0, text.length / 2), said: / is not JSON/ },
    { title: "null", of: () => "null", said: / is not an object/ },
    { title: "a list", of: () => "[]", said: / is not an object/ },
    { title: "without a field", of: change((record, name) => delete record[name]), said: named("is missing") },
    {
      title: "of a wrong type",
      of: change((record, name) => {
        record[name] = { some: "thing" };
      }),
      said: named("is "),
    },
    {
      title: "newer",
      of: (text) => JSON.stringify({ ...JSON.parse(text), schema: 99 }),
      said: /was written by a newer tinydocker \(schema 99, this one knows \d+\)/,
    },
  ];
};

/** What may stand in a file's place, or under it: whoever opens it must neither wait nor stumble. */
const replacements: { title: string; put(machine: Machine, path: string): Promise<unknown>; said: RegExp }[] = [
  { title: "a directory", put: async (_, path) => mkdirSync(path), said: / is a directory/ },
  { title: "a FIFO", put: (machine, path) => machine.exec(["mkfifo", path]), said: / is a FIFO/ },
  { title: "a link in a circle", put: async (_, path) => symlinkSync(path, path), said: / is a symbolic link/ },
  {
    title: "an endless device",
    put: (machine, path) => machine.exec(["cp", "-a", "/dev/zero", path]),
    said: / is a device/,
  },
];

/** What lists and tells, and must work whatever one object has. */
const listings: string[][] = [
  ["ps"],
  ["ps", "-a", "-s"],
  ["images"],
  ["volume", "ls"],
  ["network", "ls"],
  ["system", "df"],
  ["system", "df", "-v"],
  ["info"],
  ["events", "--since", "0", "--until", "0s"],
];

const brief: string[][] = [["ps", "-a"], ["images"], ["volume", "ls"], ["network", "ls"], ["system", "df"]];

async function expectListings(machine: Machine, shown: string[], some = listings): Promise<string> {
  let all = "";
  for (const words of some) {
    const result = await machine.run(words);
    expect([words, result.code, result.stderr]).toEqual([words, 0, expect.not.stringContaining("error")]);
    all += result.stdout;
  }
  for (const name of shown) expect(all).toContain(name);
  return all;
}

function expectRefusal(result: Result, subject: string, said: RegExp): void {
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain(subject);
  expect(result.stderr).toMatch(said);
  expect(result.stderr).not.toMatch(/internal error|\n\s+at /);
}

interface Case {
  kind: string;
  /** The file below the state root. @param id of container `ended`, or of image `made:1`. */
  file(root: string, ids: { container: string; image: string; layer: string }): string;
  field: string;
  /** What the message begins with. */
  subject: string;
  /** Each is refused. */
  refused: string[][];
  /** Each removes it, or makes it whole; the last one leaves no trace. */
  removed: string[][];
  /** How it is listed; undefined where it is not to be seen. */
  listed?: RegExp;
  except?: string[];
}

const cases: Case[] = [
  {
    kind: "container.json",
    file: (_, { container }) => `containers/${container}/container.json`,
    field: "options.mounts",
    subject: "container ended ",
    refused: [
      ["start", "ended"],
      ["exec", "ended", "/tiny"],
      ["stop", "ended"],
      ["commit", "ended"],
      ["update", "--restart", "no", "ended"],
      ["cp", "ended:/made", "/tmp/never"],
      ["diff", "ended"],
      ["wait", "ended"],
      ["rename", "ended", "other"],
    ],
    removed: [["rm", "-f", "ended"]],
    listed: /Damaged .*ended/,
  },
  {
    kind: "state.json",
    file: (_, { container }) => `containers/${container}/state.json`,
    field: "status",
    subject: "container ended is damaged: state.json",
    refused: [
      ["start", "ended"],
      ["restart", "ended"],
      ["attach", "ended"],
      ["kill", "ended"],
      ["top", "ended"],
      ["port", "ended"],
    ],
    removed: [["rm", "ended"]],
    listed: /Damaged .*ended/,
  },
  {
    kind: "config.json",
    file: (_, { container }) => `containers/${container}/config.json`,
    field: "process.args",
    subject: "container ended is damaged: config.json",
    refused: [["cp", "ended:/made", "/tmp/never"]],
    removed: [["rm", "ended"]],
    except: ["newer"],
  },
  {
    kind: "an image's record",
    file: (_, { image }) => `images/${image}`,
    field: "layers",
    subject: "image made:1 ",
    refused: [
      ["run", "--rm", "made:1"],
      ["image", "inspect", "made:1"],
      ["history", "made:1"],
      ["tag", "made:1", "made:9"],
      ["save", "-o", "/tmp/never", "made:1"],
    ],
    removed: [["rmi", "-f", "made:1"]],
    listed: /made .*damaged/,
  },
  {
    kind: "an image's configuration",
    file: (_, { image }) => `blobs/sha256/${image}`,
    field: "architecture",
    subject: "image made:1 is damaged: blobs/sha256/",
    refused: [["run", "--rm", "made:1"]],
    removed: [["rmi", "made:1"]],
    listed: /made .*damaged/,
    except: ["newer", "without a field"],
  },
  {
    kind: "an image's name",
    file: () => "refs/made%3A1",
    field: "image",
    subject: "image made:1 ",
    refused: [["run", "--rm", "made:1"]],
    removed: [["rmi", "made:1"]],
    except: ["missing"],
  },
  {
    kind: "a layer's meta.json",
    file: (_, { layer }) => `layers/${layer}/meta.json`,
    field: "diffId",
    subject: "layer ",
    refused: [["save", "-o", "/tmp/never", "made:1"]],
    removed: [["rmi", "made:1"]],
  },
  {
    kind: "volume.json",
    file: () => "volumes/made/volume.json",
    field: "created",
    subject: "volume made ",
    refused: [
      ["volume", "inspect", "made"],
      ["start", "ended"],
      ["run", "--rm", "-v", "made:/x", "tiny"],
    ],
    removed: [
      ["rm", "-f", "ended", "all"],
      ["volume", "rm", "made"],
    ],
    listed: /damaged .*made/,
  },
  {
    kind: "network.json",
    file: () => "networks/web/network.json",
    field: "subnets",
    subject: "network web ",
    refused: [
      ["network", "inspect", "web"],
      ["run", "--rm", "--network", "web", "tiny"],
      ["start", "stopped"],
    ],
    removed: [["network", "rm", "web"]],
    listed: /web .*damaged/,
  },
];

const names = ["failed", "renamed", "host", "tiny", "memory", "back"];

/** A state root of its own for each damage. */
function unpacked(machine: Machine, file: Case["file"]): string {
  rmSync(machine.root, { recursive: true, force: true });
  unpackStateRoot("0.1.0", machine.directory);
  const image = JSON.parse(readFileSync(join(machine.root, "refs/made%3A1"), "utf8")).image.slice(7);
  const { layers } = JSON.parse(readFileSync(join(machine.root, "images", image), "utf8"));
  const container = readFileSync(join(machine.root, "names/ended"), "utf8");
  return join(machine.root, file(machine.root, { container, image, layer: layers.at(-1).chainId.slice(7) }));
}

describe.each(cases)("$kind", ({ file, field, subject, refused, removed, listed, except = [] }) => {
  test("that is damaged is told of by name, in nobody's way, and removed (F14)", async () => {
    await using machine = await new Machine().open();
    for (const { title, of, said } of damagesOf(field)) {
      if (except.includes(title)) continue;
      const path = unpacked(machine, file);
      const text = of(readFileSync(path, "utf8"));
      if (text === undefined) unlinkSync(path);
      else writeFileSync(path, text);
      const shown = await expectListings(machine, names);
      if (listed) expect([title, shown]).toEqual([title, expect.stringMatching(listed)]);
      for (const words of refused) {
        const result = await machine.run(words);
        expect([title, words, result.signal]).toEqual([title, words, null]);
        const [, head] = /^(.*?) (?:is damaged|$)/.exec(subject) ?? [];
        expectRefusal(result, title === "newer" ? (head ?? subject) : subject, said);
      }
      for (const words of removed) ok(await machine.run(words));
      expect(await expectListings(machine, names, listings.slice(0, 5))).not.toMatch(/damaged/i);
    }
  });
  test("that is no file any more, or cannot be read, is told of in the same way", async () => {
    await using machine = await new Machine().open();
    for (const { title, put, said } of replacements) {
      const path = unpacked(machine, file);
      unlinkSync(path);
      await put(machine, path);
      const shown = await expectListings(machine, names, brief);
      if (listed) expect([title, shown]).toEqual([title, expect.stringMatching(listed)]);
      for (const words of refused) {
        const result = await machine.run(words);
        expect([title, words, result.signal]).toEqual([title, words, null]);
        expectRefusal(result, subject, said);
      }
      for (const words of removed) ok(await machine.run(words));
      expect(await expectListings(machine, names, brief)).not.toMatch(/damaged/i);
    }
  });
  test("that a bad disk does not give is told of in the same way", async () => {
    await using machine = await new Machine().open();
    const path = unpacked(machine, file);
    // Reading the first byte of a process's memory is EIO, and where it is mounted nothing can be written or removed.
    const over = ["sh", "-c", `mount --bind /proc/${machine.pid}/mem "$1"`, "sh", path];
    expect((await machine.exec(over)).stderr).toBe("");
    const shown = await expectListings(machine, names, brief);
    if (listed) expect(shown).toMatch(listed);
    for (const words of refused) expectRefusal(await machine.run(words), subject, / cannot be read: EIO/);
    await machine.exec(["umount", path]);
  });
});

describe("what helps itself", () => {
  const withRoot = async (use: (machine: Machine) => Promise<void>) => {
    await using machine = await new Machine().open();
    for (const { title, of } of damagesOf("id")) {
      rmSync(machine.root, { recursive: true, force: true });
      unpackStateRoot("0.1.0", machine.directory);
      const [id] = readdirSync(join(machine.root, "running"));
      const path = join(machine.root, "running", id!);
      const text = of(readFileSync(path, "utf8"));
      if (text === undefined) continue;
      writeFileSync(path, text);
      await use(machine);
      expect([title, readdirSync(join(machine.root, "running"))]).toEqual([title, []]);
    }
  };
  test("the lock file of a container that was killed: nothing of it is lost", async () => {
    await withRoot(async (machine) => {
      const shown = await expectListings(machine, [...names, "killed"]);
      expect(shown).toMatch(/tiny .*killed/);
      ok(await machine.run(["rm", "-f", "killed"]));
    });
  });
  test("names in networks, notes of settings, what files were loaded as, lines of events and logs", async () => {
    await using machine = await new Machine().open();
    for (const { of, title } of damagesOf("nothing")) {
      if (title === "of a wrong type" || title === "without a field") continue;
      rmSync(machine.root, { recursive: true, force: true });
      unpackStateRoot("0.1.0", machine.directory);
      const below = (name: string) => join(machine.root, name);
      const only = (name: string) => `${name}/${readdirSync(below(name))[0]}`;
      const failed = readFileSync(below("names/failed"), "utf8");
      for (const name of [only("networks/web/names"), "networks/.sysctls", only("sources")]) {
        const whole = name.endsWith(".sysctls") ? "{}" : readFileSync(below(name), "utf8");
        const text = of(whole);
        if (text !== undefined) writeFileSync(below(name), text);
      }
      for (const name of ["events.log", `containers/${failed}/log`]) {
        const [line] = readFileSync(below(name), "utf8").split("\n");
        writeFileSync(below(name), `${of(line!) ?? ""}\n${readFileSync(below(name), "utf8")}`);
      }
      await expectListings(machine, names);
      expect(ok(await machine.run(["logs", "failed"]))).toMatch(/hello$/);
      ok(await machine.run(["system", "prune", "-f"]));
    }
  });
  test("an image that is loaded again is whole again", async () => {
    await withMachine(["probe"], async (machine) => {
      const hex = readdirSync(join(machine.root, "images"))[0]!;
      const layer = readdirSync(join(machine.root, "layers"))[0]!;
      for (const name of [`images/${hex}`, `blobs/sha256/${hex}`, "refs/probe%3Alatest", `layers/${layer}/meta.json`]) {
        writeFileSync(join(machine.root, name), "");
        await machine.loadFile(imageTar("probe"), "probe");
        expect((await machine.container(["probe", "/bin/probe", "exit", "3"])).code).toBe(3);
        ok(await machine.run(["save", "-o", join(machine.tmp, "saved.tar"), "probe"]));
        rmSync(join(machine.tmp, "saved.tar"));
      }
    });
  });
  test("a volume that is created again keeps what is in it; the default network is made again", async () => {
    await using machine = await new Machine().open();
    await machine.loadFile(imageTar("busybox"), "busybox");
    ok(await machine.sh("echo kept >/v/file", ["-v", "data:/v"]));
    writeFileSync(join(machine.root, "volumes/data/volume.json"), "");
    expectRefusal(await machine.sh("true", ["-v", "data:/v"]), "volume data is damaged: volume.json", /volume create/);
    ok(await machine.run(["volume", "create", "data"]));
    expect(ok(await machine.sh("cat /v/file", ["-v", "data:/v"]))).toBe("kept");
    ok(await machine.run(["volume", "rm", "data"]));
    writeFileSync(join(machine.root, "networks/bridge/network.json"), "");
    expectRefusal(await machine.sh("true"), "network bridge is damaged", /network rm bridge/);
    ok(await machine.run(["network", "rm", "bridge"]));
    expect((await machine.sh("ip -4 addr show eth0")).stdout).toContain("inet ");
  });
});

describe("a container that runs", () => {
  for (const name of ["state.json", "container.json", "config.json"])
    for (const text of ["", "{", '{"schema":99}'])
      test(`is told of and ended when its ${name} is ${JSON.stringify(text)}`, async () => {
        await withMachine(["busybox"], async (machine) => {
          const id = await detached(machine, "web", forever);
          await until(async () => ok(await machine.run(["logs", "web"])) === "ready", "it runs");
          const path = join(machine.root, "containers", id, name);
          writeFileSync(path, text);
          const isSpec = name === "config.json";
          expect(ok(await machine.run(["ps"]))).toMatch(isSpec ? /Up .*web/ : /Damaged .*web/);
          if (text === '{"schema":99}' && isSpec) writeFileSync(path, "[]");
          expectRefusal(await machine.run(["exec", "web", "true"]), "container web ", /damaged|newer/);
          if (!isSpec) {
            for (const words of [["start"], ["restart"], ["kill"], ["pause"]])
              expectRefusal(await machine.run([...words, "web"]), "container web ", /damaged|newer/);
            expectRefusal(await machine.run(["rm", "web"]), "container web ", /is running/);
            expect(ok(await machine.run(["container", "prune", "-f"]))).not.toContain(id);
          }
          ok(await machine.run(["rm", "-f", "web"]));
          expect(ok(await machine.run(["ps", "-a", "-q"]))).toBe("");
          expect(ok(await machine.run(["run", "--rm", "--name", "web", "busybox", "echo", "again"]))).toBe("again");
        });
      });
  test("is stopped by its signal, and its state is whole again", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", forever);
      await until(async () => ok(await machine.run(["logs", "web"])) === "ready", "it runs");
      writeFileSync(join(machine.root, "containers", id, "state.json"), "");
      expect(ok(await machine.run(["stop", "web"]))).toBe("web");
      expect(ok(await machine.run(["ps", "-a"]))).toMatch(/Exited \(7\).*web/);
      ok(await machine.run(["rm", "web"]));
    });
  });
  test("in the foreground ends, too", async () => {
    await withMachine(["busybox"], async (machine) => {
      const { child } = await machine.start(["run", "--name", "front", "busybox", "sh", "-c", "echo ready; sleep 100"]);
      const id = ok(await machine.run(["ps", "-q", "--no-trunc"]));
      writeFileSync(join(machine.root, "containers", id, "state.json"), "null");
      ok(await machine.run(["rm", "-f", "front"]));
      expect(await child.exited).toBe(137);
    });
  });
});

describe("a container that runs and has lost", () => {
  const lost: [what: string, take: (directory: string) => void][] = [
    ["its container.json", (directory) => unlinkSync(join(directory, "container.json"))],
    ["its directory", (directory) => rmSync(directory, { recursive: true })],
  ];
  for (const [what, take] of lost)
    test(`${what} is shown as damaged, and rm -f leaves nothing of it`, async () => {
      await withMachine(["busybox"], async (machine) => {
        const id = await detached(machine, "web", forever, ["--restart", "always", "-p", "127.0.0.1:8123:80"]);
        take(join(machine.root, "containers", id));
        // One that is being made has no record either, so that it is not called lost at once.
        await until(async () => /\? +\? +Damaged .*web/.test(ok(await machine.run(["ps", "-a"]))), "it is shown");
        expectRefusal(await machine.run(["exec", id.slice(0, 12), "true"]), "container web is damaged", / is missing/);
        expectRefusal(await machine.run(["rm", id]), "container web is running", /rm --force/);
        expect(ok(await machine.run(["rm", "-f", id]))).toBe(id);
        expect(ok(await machine.run(["ps", "-a", "-q"]))).toBe("");
        for (const left of ["names", "running", "containers", "networks/bridge/leases"])
          expect([left, readdirSync(join(machine.root, left))]).toEqual([left, []]);
        expect((await machine.exec(["pgrep", "-f", id])).stdout).toBe("");
        ok(await machine.run(["run", "--rm", "--name", "web", "-p", "127.0.0.1:8123:80", "busybox", "true"]));
      });
    });
});

describe("a name that leads to no container", () => {
  const files: [title: string, put: (path: string) => unknown][] = [
    ["garbled", (path) => writeFileSync(path, new Uint8Array([113, 255, 0, 27, 91, 49, 109]))],
    ["empty", (path) => writeFileSync(path, "")],
    ["of a container that is gone", (path) => writeFileSync(path, "0".repeat(64))],
    ["a directory", (path) => mkdirSync(path)],
    ["a FIFO", (path) => Bun.spawn(["mkfifo", path]).exited],
  ];
  test("is free for who wants it", async () => {
    await withMachine(["busybox"], async (machine) => {
      const path = join(machine.root, "names/web");
      for (const [title, put] of files) {
        await put(path);
        expectRefusal(await machine.run(["stop", "web"]), "no such container: web", /./);
        expect([title, ok(await machine.run(["run", "--rm", "--name", "web", "busybox", "echo", "hi"]))]).toEqual([
          title,
          "hi",
        ]);
        await put(path);
        ok(await machine.run(["create", "--name", "other", "busybox"]));
        ok(await machine.run(["rename", "other", "web"]));
        ok(await machine.run(["rm", "web"]));
        expect([title, readdirSync(join(machine.root, "names"))]).toEqual([title, []]);
      }
    });
  });
  test("is removed by rm, and by container prune", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [title, put] of files) {
        if (title === "empty") continue; // waited for: somebody may be about to write into it
        for (const args of [
          ["rm", "web"],
          ["container", "prune", "-f"],
        ]) {
          await put(join(machine.root, "names/web"));
          ok(await machine.run(args));
          expect([title, args, readdirSync(join(machine.root, "names"))]).toEqual([title, args, []]);
        }
      }
      expectRefusal(await machine.run(["rm", "web"]), "no such container: web", /./);
    });
  });
  test("and stands in a container's record is that container's, and goes with it", async () => {
    await withMachine(["busybox"], async (machine) => {
      const path = join(machine.root, "names/web");
      for (const [title, put] of files) {
        const id = ok(await machine.run(["create", "--name", "web", "busybox"]));
        rmSync(path);
        await put(path);
        const taken = await machine.run(["create", "--name", "web", "busybox"]);
        expectRefusal(taken, `the name "web" is taken by container ${id.slice(0, 12)}\n`, /rm web/);
        expect([title, readFileSync(path, "utf8")]).toEqual([title, id]);
        rmSync(path);
        await put(path);
        expect(ok(await machine.run(["inspect", "-f", "{{.Id}}", "web"]))).toBe(id);
        ok(await machine.run(["rm", title === "empty" ? "web" : id]));
        ok(await machine.run(["create", "--name", "web", "busybox"]));
        ok(await machine.run(["rm", "web"]));
        expect([title, readdirSync(join(machine.root, "names"))]).toEqual([title, []]);
      }
    });
  });
  test("is taken by exactly one of those who want it at once", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const text of ["garbled", "0".repeat(64)]) {
        writeFileSync(join(machine.root, "names/web"), text);
        const wanting = Array.from({ length: 6 }, () => machine.run(["create", "--name", "web", "busybox"]));
        const results = await Promise.all(wanting);
        expect(results.filter(({ code }) => code === 0).length).toBe(1);
        ok(await machine.run(["rm", "web"]));
      }
    });
  });
});
