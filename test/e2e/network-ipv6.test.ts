/** Networks without IPv4. */

import { expect } from "bun:test";
import { said } from "../support/containers.ts";
import { addressesIn, idle, inspect, withInternet, withNetworks } from "../support/internet.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"), tool("nft"));

test("a network without IPv4 has names, a way out and published ports, and its bridge comes back", async () => {
  await withInternet(["busybox"], async (machine, internet) => {
    const reaches = async (to: string) => (await machine.run(["exec", "one", "ping", "-c1", "-W2", to])).code === 0;
    await withNetworks(machine, { six: ["--ipv4=false", "--ipv6"], both: ["--ipv6"] }, async () => {
      const before = machine.snapshot();
      await idle(machine, "one", ["--network", "six"]);
      await idle(machine, "two", ["--network", "six", "-p", "8080:80"]);
      await (await internet.enter("two")).listen("tcp", "::", 80);
      const { v4, v6 } = await addressesIn(machine, "one", "six");
      expect([v4, v6]).toEqual(["", expect.stringMatching(/^fd[0-9a-f:]+$/)]);
      expect(ok(await machine.run(["exec", "one", "ip", "-4", "addr", "show", "eth0"]))).toBe("");
      expect((await inspect(machine, "six")).EnableIPv4).toBe(false);
      expect(ok(await machine.run(["network", "ls", "--format", "{{.Name}} {{.IPv4}} {{.IPv6}}"]))).toContain(
        "six false true",
      );
      for (const name of ["two", "two.six", "2001:db8::2"]) expect([name, await reaches(name)]).toEqual([name, true]);
      const asked = async () => [
        await internet.outside.connect("tcp", "2001:db8::1", 8080, 3000),
        await internet.outside.connect("tcp", "192.0.2.1", 8080, 3000),
        await internet.host.connect("tcp", "127.0.0.1", 8080, 3000),
        await internet.host.connect("tcp", "::1", 8080, 3000),
      ];
      const by = expect.stringMatching(/^two sees fd/);
      expect(await asked()).toEqual(["two sees 2001:db8::2", by, by, by]);
      // Somebody deletes its bridge: its devices are known by what is written on them.
      const bridge = ok(await machine.run(["network", "inspect", "-f", "{{.Bridge}}", "six"]));
      internet.host.sh(`ip link del ${bridge}`);
      expect(await reaches("two")).toBe(false);
      expect(ok(await machine.run(["network", "reload"]))).toContain("six");
      expect(await reaches("two")).toBe(true);
      expect((await asked())[0]).toBe("two sees 2001:db8::2");
      // Beside one with both families.
      ok(await machine.run(["network", "connect", "both", "one"]));
      expect(await reaches("192.0.2.2")).toBe(true);
      ok(await machine.run(["network", "disconnect", "six", "one"]));
      expect(said(await machine.container(["--network", "six", "--ip", "10.1.2.3", "busybox", "true"]))).toContain(
        "--ip: 10.1.2.3 is not in network six",
      );
      await internet.leave();
      ok(await machine.run(["rm", "-f", "one", "two"]));
      ok(await machine.container(["busybox", "true"]));
      ok(await machine.container(["--network", "both", "busybox", "true"]));
      await machine.expectNothingLeft(before);
    });
  });
});
