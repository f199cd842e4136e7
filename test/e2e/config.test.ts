/** The configuration file: other defaults for all containers of a host. */

import { describe, expect } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** A machine, and how to say what its administrator has set. */
async function withConfig(
  use: (
    machine: Machine,
    set: (content: unknown) => void,
    td: (...words: string[]) => ReturnType<Machine["run"]>,
  ) => Promise<void>,
): Promise<void> {
  await withMachine(["busybox"], async (machine) => {
    const path = join(machine.directory, "config.json");
    const set = (content: unknown) =>
      void machine.file("config.json", typeof content === "string" ? content : JSON.stringify(content));
    await use(machine, set, (...words) => machine.run(["--config", path, ...words]));
    rmSync(path, { force: true });
  });
}

const inspect = async (machine: Machine, name: string) =>
  JSON.parse(ok(await machine.run(["inspect", name])))[0].HostConfig;

describe("the configuration", () => {
  test("says limits and logs of containers that were given none; options go before it", async () => {
    await withConfig(async (machine, set, td) => {
      set({
        limits: { memory: "0", cpus: 0, pids: 0 },
        "log-driver": "json-file",
        "log-opts": { "max-size": "1m" },
      });
      const create = async (name: string, ...options: string[]) => {
        ok(await td("create", "--name", name, "--network", "none", ...options, "busybox"));
        return await inspect(machine, name);
      };
      const config = { Type: "json-file", Config: { "max-size": String(1 << 20), "max-file": "3" } };
      expect(await create("box-a")).toMatchObject({ Memory: 0, NanoCpus: 0, PidsLimit: 0, LogConfig: config });
      expect(await create("box-b", "--log-opt", "max-size=2m")).toMatchObject({
        LogConfig: { Type: "json-file", Config: { "max-size": String(2 << 20) } },
      });
      // The options are for the driver that they were said with.
      expect(await create("box-c", "--log-driver", "local")).toMatchObject({
        LogConfig: { Type: "local", Config: { "max-size": String(10 << 20) } },
      });
      set({});
      expect(await create("box-d")).toMatchObject({ PidsLimit: 2048, LogConfig: { Type: "local" } });
      // Written down with the container: what is set later is for others.
      expect(await inspect(machine, "box-a")).toMatchObject({ PidsLimit: 0, LogConfig: config });
      ok(await machine.run(["rm", "box-a", "box-b", "box-c", "box-d"]));
    });
  });
  test("with a key or value that is wrong stops what would make a container, and names both", async () => {
    await withConfig(async (machine, set, td) => {
      const path = join(machine.directory, "config.json");
      for (const [content, why] of [
        ["{", "is not JSON"],
        [{ limit: {} }, 'unknown key "limit"'],
        [{ limits: { memory: "lots" } }, 'limits.memory: --memory: "lots" is not a valid size'],
        [{ limits: { cpus: [] } }, "limits.cpus is not a number or text"],
        [{ "log-driver": "syslogd" }, 'log-driver or log-opts: --log-driver: "syslogd" is not supported'],
        [{ "log-opts": { size: "1" } }, '--log-opt: "size=1" is not supported'],
        [{ "firewall-backend": "ufw" }, "firewall-backend is not nftables or iptables"],
      ] as const) {
        set(content);
        for (const word of ["run", "create"]) {
          const result = await td(word, "--network", "none", "busybox", "true");
          expect([content, result.code]).toEqual([content, word === "run" ? 125 : 1]);
          expect(said(result)).toContain(why);
          expect(said(result)).toContain(path);
        }
        // Seeing and removing goes on.
        ok(await td("ps", "-a"));
      }
    });
  });
  test("that is named has to be there, and to be a file: nothing else keeps anybody waiting", async () => {
    await withConfig(async (machine, set, td) => {
      await machine.exec(["mkfifo", join(machine.directory, "config.json")]);
      const fifo = await td("run", "--rm", "busybox", "true");
      expect([fifo.code, said(fifo)]).toEqual([125, expect.stringContaining("is not a regular file")]);
      await machine.exec(["rm", join(machine.directory, "config.json")]);
      const result = await td("run", "--rm", "busybox", "true");
      expect([result.code, said(result)]).toEqual([125, expect.stringContaining("there is no file")]);
      set({ limits: { pids: 0 } });
      const env = { TINYDOCKER_CONFIG: join(machine.directory, "config.json") };
      ok(await machine.run(["create", "--name", "box", "busybox"], { env }));
      expect(await inspect(machine, "box")).toMatchObject({ PidsLimit: 0 });
      ok(await machine.run(["rm", "box"]));
    });
  });
  test("says where the addresses of new networks are", async () => {
    await withConfig(async (machine, set, td) => {
      set({ "default-address-pools": [{ base: "10.99.8.0/22", size: 23 }] });
      const subnets = async (name: string) => {
        ok(await td("network", "create", name));
        return ok(await machine.run(["network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", name]));
      };
      expect([await subnets("one"), await subnets("two")]).toEqual(["10.99.8.0/23", "10.99.10.0/23"]);
      const third = await td("network", "create", "three");
      expect([third.code, said(third)]).toEqual([1, expect.stringContaining("choose one with --subnet")]);
      ok(await machine.run(["network", "rm", "one", "two"]));
    });
  });
  test("says which firewall it is, and no option goes before that", async () => {
    await withConfig(async (machine, set, td) => {
      set({ "firewall-backend": "iptables" });
      const choice = `${machine.root}/networks/.firewall`;
      ok(await td("run", "--rm", "busybox", "true"));
      expect((await machine.exec(["cat", choice])).stdout).toBe("iptables");
      const other = await td("--firewall", "nft", "network", "ls");
      expect([other.code, said(other)]).toEqual([125, expect.stringContaining("says iptables")]);
      ok(await td("--firewall", "iptables", "network", "ls"));
      set({ "firewall-backend": "nftables" });
      ok(await td("run", "--rm", "busybox", "true"));
      expect((await machine.exec(["cat", choice])).stdout).toBe("nft");
      await machine.exec(["rm", choice]);
    });
  });
});
