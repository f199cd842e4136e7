/** Containers that outlive the command that started them: created, started, stopped, restarted, and lost. */

import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { O_CREAT, O_RDWR, open, owned } from "../../src/linux/file.ts";
import { flock } from "../../src/linux/flock.ts";
import { binary } from "../support/cli.ts";
import { said, withMachine } from "../support/containers.ts";
import { detached, forever, isInCall, monitorOf, ok, stateOf, status, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** How many sockets a process has open, besides its standard streams. */
const socketsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return Number(fd) > 2 && readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:");
    } catch {
      return false; // it was closed meanwhile
    }
  }).length;

describe("create and start", () => {
  test("a container that is created does not run; started, it finds what it had written the last time", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "cat /n 2>/dev/null; echo again >>/n";
      const id = ok(await machine.run(["create", "--name", "kept", "busybox", "sh", "-c", script]));
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(await status(machine, "kept")).toContain("Created");
      expect(ok(await machine.run(["start", "-a", "kept"]))).toBe("");
      expect(ok(await machine.run(["start", "-a", "kept"]))).toBe("again");
      expect(ok(await machine.run(["start", "--attach", id.slice(0, 8)]))).toBe("again\nagain");
      expect(await status(machine, "kept")).toContain("Exited (0)");
      ok(await machine.run(["rm", "kept"]));
    });
  });
  test("start of what runs changes nothing; of what is not there says so and goes on with the others", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", forever);
      const { pid } = stateOf(machine, id).process;
      const both = await machine.run(["start", "nobody", "web"]);
      expect(both).toMatchObject({ code: 1, stdout: "web\n" });
      expect(said(both)).toContain("no such container: nobody");
      expect(stateOf(machine, id).process.pid).toBe(pid);
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
  test("-a of what runs stays with it to its end, as attach does", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "web", forever);
      const joined = machine.run(["start", "-a", "web"]);
      await Bun.sleep(300);
      ok(await machine.run(["stop", "web"]));
      expect((await joined).code).toBe(7);
      ok(await machine.run(["rm", "web"]));
    });
  });
  test("of one container, from several terminals at once: it runs once, and rm takes it or says that it runs", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const _ of [1, 2, 3]) {
        const id = ok(await machine.run(["create", "--name", "web", "busybox", "sh", "-c", forever]));
        const starts = ["web", "web", id, "web"].map((name) => machine.run(["start", name]));
        for (const start of await Promise.all(starts)) expect(start.code).toBe(0);
        ok(await machine.run(["stop", "web"]));
        await Bun.sleep(200);
        expect(await status(machine, "web")).toContain("Exited (7)");
        const words = ["start", "rm", "start", "rm", "restart"];
        const ends = await Promise.all(words.map((word) => machine.run([word, "web"])));
        for (const { code, stderr } of ends) if (code !== 0) expect(stderr).toMatch(/no such container|is running/);
        ok(await machine.run(["rm", "-f", "web"]));
      }
    });
  });
  test("a start that fails leaves the container as it was, and run -d leaves none at all", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "bad", "busybox", "/nothing"]));
      const start = await machine.run(["start", "bad"]);
      expect(start.code).toBe(1);
      expect(said(start)).toContain("cannot execute /nothing: ENOENT");
      expect(await status(machine, "bad")).not.toContain("Up");
      ok(await machine.run(["rm", "bad"]));
      const run = await machine.run(["run", "-d", "--name", "bad", "busybox", "/nothing"]);
      expect(run).toMatchObject({ code: 127, stdout: "" });
      expect(await status(machine, "bad")).toBe("");
    });
  });
});

describe("run -d", () => {
  test("prints the id, goes on without the command, and is seen, stopped and waited for by others", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", forever);
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(await status(machine, "web")).toMatch(/^[0-9a-f]{12} +busybox +.*Up /);
      const waiting = machine.run(["wait", "web"]);
      expect(ok(await machine.run(["stop", "web"]))).toBe("web");
      expect(ok(await waiting)).toBe("7");
      expect(await status(machine, "web")).toContain("Exited (7)");
      expect(ok(await machine.run(["logs", "web"]))).toBe("ready");
      ok(await machine.run(["rm", "web"]));
    });
  });
  test("with --rm nothing is left when it ends, and who waited is told its exit code", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "once", "until [ -e /go ]; do sleep 0.01; done; exit 5", ["--rm"]);
      const waiting = machine.spawn(["wait", "once"]);
      await until(() => socketsOf(waiting.pid) === 1, "it waits");
      ok(await machine.run(["exec", "once", "touch", "/go"]));
      expect([await waiting.exited, await waiting.stdout.text()]).toEqual([0, "5\n"]);
      expect(readdirSync(join(machine.root, "containers"))).not.toContain(id);
    });
  });
  test("the monitor holds nothing of the caller's: no directory, no descriptor, no session", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", forever);
      const pid = monitorOf(machine, id);
      expect(readlinkSync(`/proc/${pid}/cwd`)).toBe("/");
      for (const fd of [0, 1, 2]) expect(readlinkSync(`/proc/${pid}/fd/${fd}`)).toBe("/dev/null");
      const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")[3];
      expect(Number(session)).toBe(pid);
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
  test("rm waits for whoever is about to start it, although its command was killed", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = ok(await machine.run(["create", "--name", "box", "busybox", "sleep", "100"]));
      const lockFile = join(machine.root, "running", id);
      let rm: ReturnType<typeof machine.spawn>;
      {
        // As its monitor has it from the beginning to the end.
        using lock = owned(open(lockFile, O_RDWR | O_CREAT, 0o600));
        flock(lock.fd, { wait: false });
        rm = machine.spawn(["rm", "-f", "box"]);
        await until(() => isInCall(rm.pid, "poll"), "rm waits");
        expect(existsSync(join(machine.root, "containers", id, "container.json"))).toBe(true);
        unlinkSync(lockFile);
      }
      expect(await rm.exited).toBe(0);
      expect(await status(machine, "box")).toBe("");
    });
  });
  test("of many that want one name at once exactly one gets it", async () => {
    await withMachine(["busybox"], async (machine) => {
      const tries = Array.from({ length: 8 }, () =>
        machine.run(["run", "-d", "--name", "one", "busybox", "sh", "-c", forever]),
      );
      const results = await Promise.all(tries);
      expect(results.filter(({ code }) => code === 0)).toHaveLength(1);
      for (const lost of results.filter(({ code }) => code !== 0))
        expect(said(lost)).toContain('the name "one" is taken');
      ok(await machine.run(["rm", "-f", "one"]));
    });
  });
  test("twenty at once all run, and all can be removed at once", async () => {
    await withMachine(["busybox"], async (machine) => {
      const names = Array.from({ length: 20 }, (_, index) => `many${index}`);
      await Promise.all(names.map((name) => detached(machine, name, forever)));
      expect(ok(await machine.run(["ps", "-q"])).split("\n")).toHaveLength(20);
      ok(await machine.run(["rm", "-f", ...names]));
    });
  });
  test("--replace removes who has the name, --cidfile gets the id", async () => {
    await withMachine(["busybox"], async (machine) => {
      const first = await detached(machine, "web", forever);
      const second = await detached(machine, "web", forever, ["--replace", "--cidfile", "tmp/id"]);
      expect(second).not.toBe(first);
      expect(readFileSync(join(machine.tmp, "id"), "utf8")).toBe(second);
      expect(ok(await machine.run(["ps", "-a", "-q"])).split("\n")).toHaveLength(1);
      ok(await machine.run(["rm", "-f", "web"]));
      await Bun.file(join(machine.tmp, "id")).delete();
    });
  });
});

describe("run --rmi", () => {
  test("removes the image with the container, unless another uses it, and says so then", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["tag", "busybox", "mine"]));
      expect((await machine.run(["run", "--rmi", "mine", "sh", "-c", "exit 3"])).code).toBe(3);
      expect(ok(await machine.run(["images", "--format", "{{.Repository}}"]))).toBe("busybox");
      ok(await machine.run(["create", "--name", "other", "busybox"]));
      const used = await machine.run(["run", "--rmi", "busybox", "true"]);
      expect(used.code).toBe(0);
      expect(used.stderr).toContain("--rmi: cannot remove busybox: container other uses it");
      expect(ok(await machine.run(["ps", "-aq"])).split("\n")).toHaveLength(1);
      for (const options of [["-d"], ["--restart", "always"]])
        expect((await machine.run(["run", "--rmi", ...options, "busybox", "true"])).code).toBe(125);
      ok(await machine.run(["rm", "other"]));
    });
  });
});

describe("stop", () => {
  test("kills what does not care, and says why it would wait for nothing", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "deaf", "echo ready; exec sleep 60");
      const stop = await machine.run(["stop", "-t", "1", "deaf"]);
      expect(stop).toMatchObject({ code: 0, stdout: "deaf\n" });
      expect(said(stop)).toContain("process 1 of deaf has no handler for SIGTERM");
      expect(await status(machine, "deaf")).toContain("Exited (137)");
      ok(await machine.run(["start", "deaf"]));
      const started = performance.now();
      ok(await machine.run(["stop", "-t", "60", "--kill-ignored", "deaf"]));
      expect(performance.now() - started).toBeLessThan(30_000);
      ok(await machine.run(["rm", "deaf"]));
    });
  });
  test("sends the signal that was chosen: by the option, for the container, by the image", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script =
        "trap 'exit 1' HUP; trap 'exit 2' INT; trap 'exit 3' USR1; echo ready; while :; do sleep 0.05; done";
      await detached(machine, "sig", script, ["--stop-signal", "SIGINT"]);
      ok(await machine.run(["stop", "sig"]));
      expect(await status(machine, "sig")).toContain("Exited (2)");
      ok(await machine.run(["start", "sig"]));
      await until(async () => ok(await machine.run(["logs", "sig"])) === "ready\nready", "it is ready");
      ok(await machine.run(["stop", "-s", "HUP", "sig"]));
      expect(await status(machine, "sig")).toContain("Exited (1)");
      ok(await machine.run(["start", "sig"]));
      await until(async () => ok(await machine.run(["logs", "sig"])).split("\n").length === 3, "it is ready");
      ok(await machine.run(["kill", "-s", "USR1", "sig"]));
      expect(ok(await machine.run(["wait", "sig"]))).toBe("3");
      ok(await machine.run(["rm", "sig"]));
    });
  });
  test("of what is down is no error; kill of it is", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "down", "busybox"]));
      expect(ok(await machine.run(["stop", "down"]))).toBe("down");
      const kill = await machine.run(["kill", "down"]);
      expect(kill.code).toBe(1);
      expect(said(kill)).toContain("container down is not running");
      expect((await machine.run(["kill", "-s", "NONE", "down"])).code).toBe(125);
      ok(await machine.run(["rm", "down"]));
    });
  });
  test("and restart: the same container, another process", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "web", forever);
      const before = stateOf(machine, id).process.pid;
      expect(ok(await machine.run(["restart", "web"]))).toBe("web");
      expect(stateOf(machine, id).process.pid).not.toBe(before);
      expect(await status(machine, "web")).toContain("Up");
      ok(await machine.run(["rm", "-f", "web"]));
    });
  });
});

describe("several at once", () => {
  /** Ends by itself only when all three were told to end. */
  const together = (name: string) =>
    `trap 'touch /all/${name}; until [ -e /all/aa -a -e /all/bb -a -e /all/cc ]; do sleep 0.02; done; exit 0' TERM; while :; do sleep 0.02; done`;
  const names = ["aa", "bb", "cc"];

  test("stop, restart and rm -f -t do not wait for one before they tell the next", async () => {
    await withMachine(["busybox"], async (machine) => {
      const all = machine.file("tmp/all/");
      const clear = async () => machine.exec(["sh", "-c", `rm -f ${all}/*`]);
      for (const name of names) await detached(machine, name, together(name), ["-v", `${all}:/all`]);
      const ends = async () => {
        const { stdout } = await machine.run(["events", "--since", "0", "--until", "0s", "--filter", "event=die"]);
        return stdout.match(/exitCode=\d+/g);
      };
      expect(ok(await machine.run(["stop", ...names]))).toBe("aa\nbb\ncc");
      await clear();
      ok(await machine.run(["start", ...names]));
      expect(ok(await machine.run(["restart", ...names]))).toBe("aa\nbb\ncc");
      await clear();
      expect(ok(await machine.run(["rm", "-f", "-t", "20", ...names]))).toBe("aa\nbb\ncc");
      expect([...(await ends())!]).toEqual(Array.from({ length: 9 }, () => "exitCode=0"));
      await machine.exec(["rm", "-r", all]);
    });
  });
  test("a failure of one is told, and in the way of none; the answers come in the order that was asked for", async () => {
    await withMachine(["busybox"], async (machine) => {
      const directory = machine.file("told/");
      const told = ["-v", `${directory}:/told`];
      await detached(machine, "aa", "until [ -e /told/aa ]; do sleep 0.05; done; exit 3", told);
      await detached(machine, "cc", "until [ -e /told/cc ]; do sleep 0.05; done; exit 5", [...told, "--rm"]);
      const waiting = machine.spawn(["wait", "aa", "nobody", "cc"]);
      await until(() => socketsOf(waiting.pid) === 2, "it waits for both");
      machine.file("told/cc");
      await until(async () => !(await status(machine, "cc")).includes("Up"), "cc is down");
      machine.file("told/aa");
      const said = [await waiting.exited, await waiting.stdout.text(), await waiting.stderr.text()];
      expect(said).toEqual([1, "3\n5\n", "tinydocker: no such container: nobody\n"]);
      const removed = await machine.run(["rm", "nobody", "aa"]);
      expect([removed.code, removed.stdout]).toEqual([1, "aa\n"]);
      await machine.exec(["rm", "-r", directory]);
    });
  });
  test("--all, --filter and --latest say who is meant, --ignore forgives who is not there", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [name, label] of [
        ["aa", "x"],
        ["bb", "x"],
        ["cc", "y"],
      ] as const)
        await detached(machine, name, forever, ["--label", label]);
      expect(ok(await machine.run(["kill", "--latest"])).slice(0, 12)).toBe((await status(machine, "cc")).slice(0, 12));
      expect(ok(await machine.run(["stop", "--filter", "label=x", "--filter", "name=^aa$"]))).toHaveLength(64);
      expect(await status(machine, "aa")).toContain("Exited (7)");
      expect(ok(await machine.run(["rm", "--all"])).split("\n")).toHaveLength(2);
      expect((await machine.run(["rm", "--all", "bb"])).stderr).toContain("take no container names");
      expect((await machine.run(["stop"])).code).toBe(125);
      expect(ok(await machine.run(["stop", "--ignore", "nobody", "bb"]))).toBe("bb");
      ok(await machine.run(["rm", "--filter", "until=0s"]));
      expect(ok(await machine.run(["ps", "-aq"]))).toBe("");
    });
  });
  test("wait --condition waits for what it says, and refuses what never comes", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "aa", forever, ["--health-cmd", "test -e /well", "--health-interval", "100ms"]);
      const healthy = machine.run(["wait", "--condition", "healthy", "aa"]);
      ok(await machine.run(["exec", "aa", "touch", "/well"]));
      expect(ok(await healthy)).toBe("-1");
      expect(ok(await machine.run(["wait", "--condition", "running", "aa"]))).toBe("-1");
      ok(await machine.run(["stop", "aa"]));
      expect((await machine.run(["wait", "--condition", "healthy", "aa"])).stderr).toContain("will not be healthy");
      await detached(machine, "bb", "sleep 0.1; exit 3", ["--restart", "always"]);
      expect(ok(await machine.run(["wait", "--condition", "next-exit", "bb"]))).toBe("3");
      await detached(machine, "cc", forever, ["--rm"]);
      const gone = machine.spawn(["wait", "--condition", "removed", "cc"]);
      await until(() => socketsOf(gone.pid) === 1, "it waits");
      ok(await machine.run(["stop", "cc"]));
      expect(await gone.stdout.text()).toBe("7\n");
      ok(await machine.run(["rm", "-f", "aa", "bb"]));
      expect((await machine.run(["wait", "--condition", "happy", "aa"])).stderr).toContain("one of not-running");
    });
  });
});

describe("pause", () => {
  test("everything stands still until unpause; exec and attach are refused meanwhile, stop is not (F19)", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "tick", "while :; do echo tick; sleep 0.02; done");
      ok(await machine.run(["pause", "tick"]));
      expect(await status(machine, "tick")).toContain("(Paused)");
      const then = ok(await machine.run(["logs", "tick"])).length;
      await Bun.sleep(200);
      expect(ok(await machine.run(["logs", "tick"]))).toHaveLength(then);
      for (const words of [
        ["exec", "tick", "true"],
        ["attach", "tick"],
        ["pause", "tick"],
      ])
        expect(said(await machine.run(words))).toContain("container tick is paused");
      ok(await machine.run(["unpause", "tick"]));
      await until(async () => ok(await machine.run(["logs", "tick"])).length > then, "it goes on");
      expect((await machine.run(["unpause", "tick"])).code).toBe(1);
      ok(await machine.run(["pause", "tick"]));
      ok(await machine.run(["stop", "-t", "1", "tick"]));
      ok(await machine.run(["rm", "tick"]));
    });
  });
  test("ends for the next command if who commits is killed; one of a user does not", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "tick", "yes | head -c 30000000 >/large; touch /done; while :; do sleep 0.02; done");
      const script = `
        while ! $T exec tick test -e /done; do :; done
        $T commit -q tick made & p=$!
        while ! $T ps | grep -q Paused; do kill -0 $p || exit 3; done
        kill -9 $p; wait $p; $T ps --format '{{.Status}}'; $T pause tick; $T ps --format '{{.Status}}'`;
      const { stdout } = await machine.exec(["sh", "-c", script], { env: { T: binary() } });
      expect(stdout).toMatch(/^Up [^(]*\ntick\nUp .*\(Paused\)\n$/);
      // Which takes away what was begun, too.
      ok(await machine.run(["commit", "-q", "tick", "made"]));
      ok(await machine.run(["rmi", "made"]));
      ok(await machine.run(["rm", "-f", "tick"]));
    });
  });
});

describe("restart policies", () => {
  test("on-failure tries as often as it was told, and not after a success", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "fails", "echo try; exit 4", ["--restart", "on-failure:2"]);
      await until(
        () => stateOf(machine, id).restartCount === 2 && stateOf(machine, id).status === "exited",
        "it gave up",
      );
      expect(ok(await machine.run(["logs", "fails"]))).toBe("try\ntry\ntry");
      await detached(machine, "works", "echo once", ["--restart", "on-failure"]);
      expect(ok(await machine.run(["wait", "works"]))).toBe("0");
      expect(ok(await machine.run(["logs", "works"]))).toBe("once");
      ok(await machine.run(["rm", "fails", "works"]));
    });
  });
  test("always and unless-stopped come up again until somebody stops them, also while they wait", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const policy of ["always", "unless-stopped"]) {
        const id = await detached(machine, policy, "echo up; exit 0", ["--restart", policy]);
        await until(() => stateOf(machine, id).restartCount >= 2, "it was started again");
        ok(await machine.run(["stop", policy]));
        const { restartCount } = stateOf(machine, id);
        await Bun.sleep(500);
        expect(stateOf(machine, id)).toMatchObject({ status: "exited", restartCount });
        ok(await machine.run(["rm", policy]));
      }
    });
  });
  test("stop holds at whatever moment it comes", async () => {
    await withMachine(["busybox"], async (machine) => {
      const names = Array.from({ length: 12 }, (_, number) => `loop${number}`);
      await Promise.all(
        names.map(async (name, number) => {
          await detached(machine, name, "exit 1", ["--restart", "always"]);
          await Bun.sleep(40 * number);
          ok(await machine.run(["stop", name]));
          expect(await status(machine, name)).toContain("Exited (1)");
        }),
      );
      await Bun.sleep(500);
      for (const name of names) expect(await status(machine, name)).toContain("Exited (1)");
      ok(await machine.run(["rm", ...names]));
    });
  });
  test("a container killed from outside comes up again, one that a user killed does not", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "phoenix", forever, ["--restart", "always"]);
      process.kill(stateOf(machine, id).process.pid, "SIGKILL");
      await until(
        () => stateOf(machine, id).restartCount === 1 && stateOf(machine, id).status === "running",
        "it is back",
      );
      ok(await machine.run(["kill", "phoenix"]));
      await Bun.sleep(400);
      expect(await status(machine, "phoenix")).toContain("Exited (137)");
      ok(await machine.run(["rm", "phoenix"]));
    });
  });
  test("kill between two starts ends it, as stop does, and a start by hand counts anew", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "loop", "exit 1", ["--restart", "always"]);
      await until(async () => stateOf(machine, id).restartDelayMs >= 400, "it waits longer each time");
      await until(async () => (await status(machine, "loop")).includes("Restarting"), "it waits");
      ok(await machine.run(["kill", "loop"]));
      expect(await status(machine, "loop")).toContain("Exited (1)");
      expect((await machine.run(["kill", "loop"])).stderr).toContain("loop is not running");
      const { restartCount } = stateOf(machine, id);
      await Bun.sleep(500);
      expect(stateOf(machine, id)).toMatchObject({ status: "exited", restartCount });
      const tries = await detached(machine, "tries", "echo try; exit 4", ["--restart", "on-failure:1"]);
      const hasGivenUp = () =>
        stateOf(machine, tries).restartCount === 1 && stateOf(machine, tries).status === "exited";
      await until(hasGivenUp, "it gave up");
      ok(await machine.run(["start", "tries"]));
      const logs = async () => ok(await machine.run(["logs", "tries"])).split("\n").length;
      await until(async () => (await logs()) === 4 && hasGivenUp(), "it was tried as often again");
      ok(await machine.run(["rm", "-f", "tries", "loop"]));
    });
  });
  test("rm -f ends one that would come back", async () => {
    await withMachine(["busybox"], async (machine) => {
      await detached(machine, "hydra", "exit 1", ["--restart", "always"]);
      expect(said(await machine.run(["run", "--rm", "--restart", "always", "busybox"]))).toContain(
        "cannot be combined",
      );
      ok(await machine.run(["rm", "-f", "hydra"]));
      expect(await status(machine, "hydra")).toBe("");
    });
  });
});

describe("a monitor that is killed (F2)", () => {
  test("takes with it how its container ends, which is no SIGKILL then, unless that is how it was ended", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [how, code] of [
        [["stop"], /Exited \((7|255)\)/],
        [["stop", "-s", "KILL"], /Exited \(137\)/],
        [["kill"], /Exited \(137\)/],
      ] as const) {
        const id = await detached(machine, "orphan", forever);
        await until(async () => ok(await machine.run(["logs", "orphan"])) === "ready", "it runs");
        process.kill(monitorOf(machine, id), "SIGKILL");
        await until(async () => (await status(machine, "orphan")).includes("no monitor"), "ps knows");
        const waiting = machine.run(["wait", "orphan"]);
        ok(await machine.run([...how, "orphan"]));
        expect(await status(machine, "orphan")).toMatch(code);
        expect(ok(await waiting)).toMatch(/^(7|255|137)$/);
        ok(await machine.run(["rm", "orphan"]));
      }
    });
  });
  test("leaves its container alive: ps says so; exec, logs, stop and rm work, and nothing is left", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "orphan", forever);
      process.kill(monitorOf(machine, id), "SIGKILL");
      await until(async () => (await status(machine, "orphan")).includes("no monitor"), "ps knows");
      expect(ok(await machine.run(["exec", "orphan", "echo", "alive"]))).toBe("alive");
      expect(said(await machine.run(["attach", "orphan"]))).toContain("no monitor");
      expect(said(await machine.run(["rm", "orphan"]))).toContain("is running");
      ok(await machine.run(["stop", "orphan"]));
      expect(await status(machine, "orphan")).toContain("Exited");
      expect(ok(await machine.run(["start", "orphan"]))).toBe("orphan");
      expect(await status(machine, "orphan")).toMatch(/Up (?!.*monitor)/);
      ok(await machine.run(["rm", "-f", "orphan"]));
    });
  });
  test("and one whose container dies too is cleaned up after by the next command: nobody knows how it ended", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "both", forever);
      const { pid } = stateOf(machine, id).process;
      process.kill(monitorOf(machine, id), "SIGKILL");
      process.kill(pid, "SIGKILL");
      await until(async () => (await status(machine, "both")).includes("Exited (255)"), "ps knows");
      ok(await machine.run(["rm", "both"]));
    });
  });
});

test("a container may be called container, and names may have Docker's slash before them", async () => {
  await withMachine(["busybox"], async (machine) => {
    ok(await machine.run(["create", "--name", "/container", "busybox", "true"]));
    for (const words of [["inspect"], ["container", "inspect"], ["logs"], ["start"], ["wait"]])
      ok(await machine.run([...words, "container"]));
    ok(await machine.run(["rename", "/container", "/other"]));
    ok(await machine.run(["rm", "/other"]));
  });
});

test("rename gives a free name and frees the old one; a taken one is refused", async () => {
  await withMachine(["busybox"], async (machine) => {
    for (const name of ["one", "two"]) ok(await machine.run(["create", "--name", name, "busybox"]));
    expect(said(await machine.run(["rename", "one", "two"]))).toContain('the name "two" is taken');
    ok(await machine.run(["rename", "one", "three"]));
    expect((await machine.run(["start", "one"])).code).toBe(1);
    ok(await machine.run(["create", "--name", "one", "busybox"]));
    ok(await machine.run(["rm", "one", "two", "three"]));
  });
});
test("what happens to a container after a rename is told under its new name", async () => {
  await withMachine(["busybox"], async (machine) => {
    await detached(machine, "old", forever);
    ok(await machine.run(["rename", "old", "new"]));
    ok(await machine.run(["stop", "new"]));
    const words = [
      "events",
      "--since",
      "1h",
      "--until",
      "0s",
      "-f",
      "event=die",
      "--format",
      "{{.Actor.Attributes.name}}",
    ];
    expect(ok(await machine.run(words))).toBe("new");
    ok(await machine.run(["rm", "new"]));
  });
});
