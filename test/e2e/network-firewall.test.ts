/** The choice of the firewall, before the command: it moves what runs, is remembered, and lives beside the rules of others. */

import { describe, expect } from "bun:test";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { type Internet, idle, withInternet, withNetworks } from "../support/internet.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("ip"), tool("nft"), tool("iptables-save"));

/** What each driver has made. */
const rulesOf = ({ host }: Internet) => ({
  nft: host.sh("nft list tables").includes("inet tinydocker"),
  iptables: /tinydocker/i.test(host.sh("iptables-save -t nat")),
});

/** A container that says who asks, published on 8080. */
async function web(machine: Machine, internet: Internet): Promise<void> {
  await idle(machine, "web", ["--network", "net", "-p", "8080:80", "-p", "127.0.0.1:8081:80"]);
  await (await internet.enter("web")).listen("tcp", "::", 80);
}

const reachable = async ({ outside, host }: Internet): Promise<string[]> => [
  await outside.connect("tcp", "192.0.2.1", 8080, 3000),
  await outside.connect("tcp", "2001:db8::1", 8080, 3000),
  (await host.connect("tcp", "127.0.0.1", 8081, 3000)).split(" sees")[0]!,
];
const all = ["web sees 192.0.2.2", "web sees 2001:db8::2", "web"];

describe("--firewall", () => {
  test("moves what runs to another firewall at once, and is remembered until it is said otherwise", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      await withNetworks(machine, { net: ["--ipv6"] }, async () => {
        await web(machine, internet);
        expect([rulesOf(internet), await reachable(internet)]).toEqual([{ nft: true, iptables: false }, all]);
        ok(await machine.run(["--firewall", "iptables", "network", "reload"]));
        expect([rulesOf(internet), await reachable(internet)]).toEqual([{ nft: false, iptables: true }, all]);
        // Without the word too, in every process.
        await idle(machine, "other", ["--network", "net", "-p", "8082:80"]);
        ok(await machine.run(["run", "--rm", "-p", "8083:80", "busybox", "true"]));
        expect([rulesOf(internet), await reachable(internet)]).toEqual([{ nft: false, iptables: true }, all]);
        ok(await machine.run(["rm", "-f", "other"]));
        expect(internet.host.sh("iptables-save -t nat")).not.toContain("8082");
        ok(await machine.run(["--firewall=nft", "run", "--rm", "busybox", "true"]));
        expect([rulesOf(internet), await reachable(internet)]).toEqual([{ nft: true, iptables: false }, all]);
        await internet.leave();
        ok(await machine.run(["rm", "-f", "web"]));
        await machine.exec(["rm", `${machine.root}/networks/.firewall`]);
      });
    });
  });
  test("is one of those that there are, and nothing changes for another word", async () => {
    await withInternet(["busybox"], async (machine) => {
      for (const words of [["--firewall", "ufw"], ["--firewall=ufw"], ["--firewall", "ufw", "--root", machine.root]])
        for (const command of [["run", "--rm", "busybox", "true"], ["network", "reload"], ["ps"]]) {
          const result = await machine.run([...words, ...command]);
          expect([words, result.code, said(result)]).toEqual([
            words,
            125,
            expect.stringContaining("--firewall: ufw is not a firewall driver"),
          ]);
        }
      const none = await machine.run(["--firewall"]);
      expect([none.code, said(none)]).toEqual([125, expect.stringContaining("option --firewall needs a value")]);
    });
  });
});

describe("what listens on the host's 127.0.0.1", () => {
  /** Sends to 127.0.0.1 by the bridge, as a container can that may set up its own network (CVE-2020-8558). */
  const doors = `sysctl -qw net.ipv4.conf.all.route_localnet=1; ip addr del 127.0.0.1/8 dev lo
    ip route add 127.0.0.0/8 via $(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')`;

  test("is reached by no container, whatever is published, also after somebody flushed all rules", async () => {
    await withInternet(["busybox"], async (machine, internet) => {
      await withNetworks(machine, { net: [] }, async () => {
        await internet.host.listen("tcp", "127.0.0.1", 7000);
        await internet.host.listen("udp", "127.0.0.1", 7000);
        await web(machine, internet);
        await idle(machine, "evil", ["--network", "net"]);
        const evil = await internet.enter("evil");
        evil.sh(doors);
        const tries = async () => [
          await evil.connect("tcp", "127.0.0.1", 7000, 400),
          await evil.connect("udp", "127.0.0.1", 7000, 400),
          await evil.connect("tcp", "127.0.0.1", 8081, 400),
        ];
        const nobody = ["nothing", "nothing", "nothing"];
        const bridges = internet.host.sh("cat /proc/sys/net/ipv4/conf/*/route_localnet").split(/\s+/);
        expect(bridges).not.toContain("1");
        expect(await tries()).toEqual(nobody);
        internet.host.sh("nft flush ruleset");
        expect(await tries()).toEqual(nobody);
        // What is published there is there all the same, for the host alone.
        expect((await reachable(internet))[2]).toBe("web");
        ok(await machine.run(["--firewall", "iptables", "network", "reload"]));
        expect(await tries()).toEqual(nobody);
        expect(await reachable(internet)).toEqual([all[0]!, expect.stringMatching(/^web sees/), "web"] as never);
        ok(await machine.run(["--firewall", "nft", "network", "reload"]));
        await internet.leave();
        ok(await machine.run(["rm", "-f", "web", "evil"]));
        ok(await machine.run(["run", "--rm", "busybox", "true"]));
        await machine.exec(["rm", `${machine.root}/networks/.firewall`]);
      });
    });
  });
  test("is closed by the next start where an older version had opened it", async () => {
    await withMachine(["busybox"], async (machine) => {
      await withNetworks(machine, { net: [] }, async () => {
        const bridge = ok(await machine.run(["network", "inspect", "-f", "{{.Bridge}}", "net"]));
        const setting = `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`;
        ok(
          await machine.exec([
            "sh",
            "-c",
            `echo 1 >${setting}; nft delete table inet tinydocker; nft add table inet tinydocker; nft add set inet tinydocker bridges '{ type ifname; }'; nft add element inet tinydocker bridges '{ "${bridge}" }'`,
          ]),
        );
        ok(await machine.run(["run", "--rm", "--network", "net", "busybox", "true"]));
        expect(ok(await machine.exec(["cat", setting]))).toBe("0");
        ok(await machine.run(["run", "--rm", "busybox", "true"]));
      });
    });
  });
});

/** As Docker has it: FORWARD drops, and a chain of the user's. */
const dropping = (program: string, does: "make" | "remove"): string =>
  [program, program.replace("ip", "ip6")]
    .map((command) =>
      does === "make"
        ? `${command} -P FORWARD DROP; ${command} -N DOCKER-USER; ${command} -A FORWARD -j DOCKER-USER`
        : `${command} -P FORWARD ACCEPT; ${command} -D FORWARD -j DOCKER-USER; ${command} -X DOCKER-USER`,
    )
    .join("; ");

/** `iptables` itself is of one kind: whose rules are of the other has to name it. */
const others = [
  ["nft", "iptables-nft"],
  ["nft", "iptables-legacy"],
  ["iptables", "iptables"],
] as const;

describe("beside rules of others", () => {
  for (const [driver, program] of others)
    needing(
      root,
      tool("ip"),
      tool("nft"),
      tool(program),
    )(
      `packets pass with --firewall ${driver} where FORWARD of ${program} drops, and its rules stay as they were`,
      async () => {
        await withInternet(["busybox"], async (machine, internet) => {
          internet.host.sh(dropping(program, "make"));
          const saved = () => internet.host.sh(`${program}-save -t filter`).replace(/^#.*\n|\[\d+:\d+\]/gm, "");
          const before = saved();
          ok(await machine.run(["--firewall", driver, "run", "--rm", "busybox", "true"]));
          await withNetworks(machine, { net: ["--ipv6"] }, async () => {
            await web(machine, internet);
            expect(await reachable(internet)).toEqual(all);
            const out = ok(await machine.run(["exec", "web", "ping", "-c1", "-W2", "192.0.2.2"]));
            expect(out).toContain("1 packets received");
            await internet.leave();
            ok(await machine.run(["rm", "-f", "web"]));
          });
          ok(await machine.run(["network", "prune", "-f"]));
          expect(saved()).toBe(before);
          internet.host.sh(dropping(program, "remove"));
          // What iptables has made in nf_tables stays, empty.
          internet.host.sh("for f in ip ip6; do nft delete table $f filter 2>/dev/null || true; done");
          ok(await machine.run(["--firewall", "nft", "run", "--rm", "busybox", "true"]));
          await machine.exec(["rm", `${machine.root}/networks/.firewall`]);
        });
      },
    );
});
