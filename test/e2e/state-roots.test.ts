/** What older releases have left on disk, read and used by this one. */

import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { placeholder, releases, unpackStateRoot } from "../state-roots/unpack.ts";
import { Machine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** The programs in them are for one kind of machine. */
const runsHere = process.arch === "x64";

async function withRootOf(
  release: string,
  use: (run: (...args: string[]) => Promise<string>, machine: Machine) => Promise<void>,
) {
  await using machine = await new Machine().open();
  unpackStateRoot(release, machine.directory);
  await use(async (...args) => ok(await machine.run(args)), machine);
}

const lines = (text: string): string[] => text.split("\n").sort();

test("there is a state root of every release", () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dir, "../../package.json"), "utf8")) as {
    version: string;
  };
  expect(releases).toContain("0.1.0");
  expect(releases).toContain(version);
});

describe.each(releases)("the state root of %s", (release) => {
  test("is listed and described, and nothing in it counts as damaged", async () => {
    await withRootOf(release, async (run) => {
      const all = ["all", "alone", "ended", "failed", "host", "killed", "renamed", "shares", "stopped"];
      expect(lines(await run("ps", "-a", "--format", "{{.Names}}"))).toEqual(all);
      expect(lines(await run("ps", "-a", "--format", "{{.Names}} {{.State}}"))).toEqual([
        "all created",
        "alone created",
        "ended exited",
        "failed exited",
        "host created",
        "killed exited",
        "renamed exited",
        "shares created",
        "stopped exited",
      ]);
      for (const name of all) {
        const [container] = JSON.parse(await run("inspect", "-s", name));
        expect(container).toMatchObject({ Name: `/${name}`, State: { Dead: false, Error: expect.any(String) } });
      }
      if (release === "0.1.0") {
        // What nobody said meant something else then.
        const [ended] = JSON.parse(await run("inspect", "ended"));
        expect(ended.Config).toMatchObject({
          Hostname: "container",
          Env: expect.arrayContaining(["HOSTNAME=container"]),
        });
        const limits = { NanoCpus: 1e9, Memory: 512 << 20, MemorySwap: 512 << 20, PidsLimit: 2048 };
        expect(ended.HostConfig).toMatchObject(limits);
      }
      const [{ Config, HostConfig, Mounts, NetworkSettings }] = JSON.parse(await run("inspect", "all"));
      expect(Config).toMatchObject({
        Hostname: "box",
        User: "user",
        WorkingDir: "/data",
        Tty: true,
        StopSignal: "USR1",
        StopTimeout: 3,
        Labels: { kind: "tiny", x: "y" },
        Healthcheck: { Test: ["CMD-SHELL", "/tiny"], Retries: 2 },
      });
      expect(Config.Env).toContain("A=b");
      expect(HostConfig).toMatchObject({
        RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
        LogConfig: { Type: "json-file", Config: { "max-file": "2" } },
        CapAdd: ["net_admin"],
        CapDrop: ["mknod"],
        Memory: 0,
        Init: true,
        ExtraHosts: ["other:192.0.2.2"],
        Tmpfs: { "/t": expect.stringContaining("size=1m") },
      });
      expect(HostConfig.PortBindings["82/tcp"]).toEqual([{ HostIp: "127.0.0.1", HostPort: "18082" }]);
      expect(Mounts.map((mount: { Destination: string }) => mount.Destination).sort()).toEqual([
        "/anonymous",
        "/cache",
        "/made",
        "/memory",
        "/new",
        "/shared",
      ]);
      expect(NetworkSettings.Networks.web.IPAMConfig).toEqual({ IPv4Address: "10.77.0.77" });
      const [killed] = JSON.parse(await run("inspect", "killed"));
      expect(killed.State).toMatchObject({ Status: "exited", ExitCode: 255 });

      expect(lines(await run("images", "--format", "{{.Repository}}:{{.Tag}}"))).toEqual([
        "made:1",
        "tiny:1",
        "tiny:latest",
      ]);
      expect(await run("images")).not.toContain("damaged");
      expect(JSON.parse(await run("image", "inspect", "made:1"))[0].Config.Labels).toEqual({
        kind: "tiny",
        made: "yes",
      });
      expect(lines(await run("history", "-q", "--no-trunc", "made:1"))).toHaveLength(2);
      expect(await run("volume", "ls")).not.toContain("damaged");
      const volumes = lines(await run("volume", "ls", "-q"));
      expect(volumes.filter((name) => name.length < 64)).toEqual(["made", "memory", "new"]);
      for (const name of volumes) await run("volume", "inspect", name);
      expect(JSON.parse(await run("volume", "inspect", "memory"))[0].Options).toMatchObject({ type: "tmpfs" });
      expect(lines(await run("network", "ls", "--format", "{{.Name}} {{.Driver}}"))).toEqual([
        "back bridge",
        "bridge bridge",
        "host host",
        "none null",
        "web bridge",
      ]);
      expect(JSON.parse(await run("network", "inspect", "web"))[0]).toMatchObject({
        EnableIPv6: true,
        Labels: { kind: "made" },
      });
      expect(await run("system", "df", "-v")).not.toContain("damaged");
      await run("info");
    });
  });

  test("its logs and events are told", async () => {
    await withRootOf(release, async (run) => {
      expect(await run("logs", "ended")).toBe("hello");
      expect(await run("logs", "-t", "failed")).toMatch(/^\d{4}-.*Z hello$/);
      const events = await run("events", "--since", "0", "--until", "0s", "--format", "{{.Type}} {{.Action}}");
      for (const what of [
        "container create",
        "container die",
        "image load",
        "volume create",
        "network create",
        "container rename",
      ])
        expect(events).toContain(what);
    });
  });

  if (runsHere)
    test("its containers start, run what exec says, stop, and can be changed", async () => {
      await withRootOf(release, async (run, machine) => {
        expect(await run("start", "-a", "ended")).toBe("hello");
        expect((await machine.run(["start", "-a", "failed"])).code).toBe(3);
        await run("start", "stopped", "renamed", "shares", "host");
        expect(await run("exec", "stopped", "/tiny")).toBe("hello");
        expect(await run("port", "stopped")).toContain("80/tcp -> 0.0.0.0:18080");
        await run("network", "connect", "back", "stopped");
        await run("network", "disconnect", "back", "stopped");
        await run("rename", "stopped", "found");
        await run("update", "--restart", "no", "found");
        await run("stop", "-t", "0", "found", "renamed");
        await run("start", "all");
        await run("rm", "-f", "-v", "all");
        expect(await run("run", "--rm", "--network", "web", "-v", "made:/x", "tiny:1")).toBe("hello");
        expect(await run("run", "--rm", "made:1")).toBe("hello");
        expect(await run("ps", "-a")).not.toContain("Damaged");
      });
    });

  test("its files are copied, compared, committed and saved", async () => {
    await withRootOf(release, async (run, machine) => {
      expect(lines(await run("diff", "ended"))).toContain("A /made");
      await run("cp", "ended:/made", join(machine.tmp, "made"));
      expect(readFileSync(join(machine.tmp, "made"), "utf8")).toBe("made\n");
      await run("cp", join(machine.tmp, "made"), "all:/made/again");
      await run("commit", "failed", "made:2");
      await run("tag", "made:2", "made:3");
      await run("save", "-o", join(machine.tmp, "all.tar"), "tiny:1", "made:1", "made:2");
      await run("rmi", "made:2", "made:3", "made:1");
      await run("load", "-i", join(machine.tmp, "all.tar"));
      expect(await run("images", "-q", "made")).not.toBe("");
      await run("export", "-o", join(machine.tmp, "ended.tar"), "ended");
    });
  });

  test("all of it can be removed, and nothing is left", async () => {
    await withRootOf(release, async (run, machine) => {
      await run("rm", "ended", "killed");
      await run("rm", "-v", "all", "alone", "host");
      await run("volume", "rm", "made");
      await run("rmi", "tiny:1");
      await run("system", "prune", "-a", "-f", "--volumes");
      await run("volume", "prune", "-a", "-f");
      for (const name of ["containers", "names", "running", "images", "layers", "refs", "volumes", "l", "blobs/sha256"])
        expect([name, readdirSync(join(machine.root, name))]).toEqual([name, []]);
      expect(existsSync(join(machine.root, "networks/web"))).toBe(false);
    });
  });

  test("a record is written with a schema when it is written anew", async () => {
    await withRootOf(release, async (run, machine) => {
      await run("rename", "ended", "other");
      const id = await run("inspect", "-f", "{{.Id}}", "other");
      const text = readFileSync(join(machine.root, "containers", id, "container.json"), "utf8");
      expect(JSON.parse(text)).toMatchObject({ schema: expect.any(Number), name: "other" });
      expect(text).not.toContain(placeholder);
    });
  });
});
