/** Options about the process of a container: its limits, its settings of the kernel, its user, its time and its environment. */

import { describe, expect } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { compiled } from "../support/compile.ts";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root);
const none = ["--network", "none"];

/** What a shell in a container prints, line by line. */
const lines = async (machine: Machine, script: string, options: string[] = []): Promise<string[]> =>
  ok(await machine.sh(script, [...none, ...options])).split("\n");

const sysctl = (name: string): string => `cat /proc/sys/${name.replaceAll(".", "/")}`;

describe("--sysctl", () => {
  test("sets what is of the container's own namespaces, and nothing of the host's", async () => {
    await withMachine(["busybox"], async (machine) => {
      const settings = {
        "net.core.somaxconn": "777",
        "net.ipv4.conf.lo.forwarding": "1",
        "net.ipv4.tcp_rmem": "4096\t5000\t6000",
        "kernel.shmmni": "111",
        "kernel.sem": "32000\t1024000000\t500\t31999",
        "fs.mqueue.msg_max": "12",
        "kernel.domainname": "corp",
      };
      const host = () =>
        Object.keys(settings).map((name) => readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8"));
      const before = host();
      const script = Object.keys(settings).map(sysctl).join("; ");
      const options = Object.entries(settings).flatMap(([name, value]) => [
        "--sysctl",
        `${name}=${value.replaceAll("\t", " ")}`,
      ]);
      expect(await lines(machine, script, options)).toEqual(Object.values(settings));
      expect(host()).toEqual(before);
      // Later on nobody inside can write them, as ever.
      expect((await machine.sh("echo 1 >/proc/sys/net/core/somaxconn", none)).code).toBe(1);
    });
  });
  test("is refused with its name where this kernel has no such setting, or takes no such value", async () => {
    await withMachine(["busybox"], async (machine) => {
      const fails = async (setting: string) => said(await machine.sh("true", [...none, "--sysctl", setting]));
      expect(await fails("net.ipv4.nothing=1")).toContain("cannot open /proc/sys/net/ipv4/nothing: ENOENT");
      expect(await fails("net.ipv4.ip_forward=maybe")).toContain("cannot write to net.ipv4.ip_forward=maybe: EINVAL");
      expect(await fails("net.ipv4.conf.eth0.forwarding=1")).toContain("net/ipv4/conf/eth0/forwarding: ENOENT");
    });
  });
  test("sets what is of a device, which comes when the network is connected", async () => {
    await withMachine(["busybox"], async (machine) => {
      const options = ["--sysctl", "net.ipv4.conf.eth0.forwarding=1"];
      for (const more of [[], ["--privileged"]])
        expect(ok(await machine.sh(sysctl("net.ipv4.conf.eth0.forwarding"), [...options, ...more]))).toBe("1");
    });
  });
});

describe("in a network of its own (P2)", () => {
  test("a user that is not root serves port 80, and may ping without a capability; not so with the host's network", async () => {
    await withMachine(["busybox"], async (machine) => {
      const serve = "nc -l -p 80 >/dev/null & sleep 0.1; kill $! && wait $!; echo $?";
      const names = ["net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"];
      const script = [serve, ...names.map(sysctl)].join("; ");
      for (const network of [[], none])
        expect(
          ok(await machine.sh(script, ["-u", "1000", ...network]))
            .split("\n")
            .slice(-3),
        ).toEqual(["143", "0", "0\t2147483647"]);
      const [start] = names;
      expect(await lines(machine, sysctl(start!), ["--sysctl", `${start}=99`])).toEqual(["99"]);
      const own = ok(await machine.exec(["sh", "-c", sysctl(start!)]));
      expect(ok(await machine.sh(sysctl(start!), ["--network", "host"]))).toBe(own);
    });
  });
});

describe("limits", () => {
  test("--ulimit sets the soft and the hard limit, for exec too, and inspect tells", async () => {
    await withMachine(["busybox", "probe"], async (machine) => {
      const words = ["--ulimit", "nofile=100:200", "--ulimit", "core=0", "--ulimit", "stack=4194304"];
      const options = [...none, ...words];
      const answer = await machine.ask<Record<string, unknown>>(options, "attributes");
      expect(answer.limits).toMatchObject({ NOFILE: [100, 200], CORE: [0, 0], STACK: [4 << 20, 4 << 20] });
      ok(await machine.run(["run", "-d", "--name", "box", ...options, "busybox", "sleep", "60"]));
      expect(ok(await machine.run(["exec", "box", "sh", "-c", "ulimit -Sn; ulimit -Hn"]))).toBe("100\n200");
      expect(JSON.parse(ok(await machine.run(["inspect", "-f", "{{json .HostConfig.Ulimits}}", "box"])))).toEqual([
        { Name: "nofile", Hard: 200, Soft: 100 },
        { Name: "core", Hard: 0, Soft: 0 },
        { Name: "stack", Hard: 4 << 20, Soft: 4 << 20 },
      ]);
      ok(await machine.run(["rm", "-f", "box"]));
      const most = Number(readFileSync("/proc/sys/fs/nr_open", "utf8"));
      const all = await machine.container([...none, "--ulimit", "nofile=-1", "busybox", "sh", "-c", "ulimit -n"]);
      expect(Number(ok(all))).toBeLessThanOrEqual(most);
      const beyond = await machine.sh("true", [...none, "--ulimit", `nofile=${most + 1}`]);
      expect([beyond.code, said(beyond)]).toEqual([
        125,
        expect.stringContaining(`--ulimit nofile: ${most + 1} is above`),
      ]);
    });
  });
  test("--shm-size is the size of /dev/shm; without it the memory limit, or half of the host's memory", async () => {
    await withMachine(["busybox"], async (machine) => {
      const kilobytes = async (...options: string[]) =>
        Number((await lines(machine, "df -k /dev/shm | tail -1 | awk '{ print $2 }'", options))[0]);
      expect(await kilobytes("--shm-size", "5m")).toBe(5 << 10);
      expect(await kilobytes("--shm-size", "7340032", "--read-only")).toBe(7 << 10);
      const total = Number(/^MemTotal: +(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))![1]);
      expect(await kilobytes()).toBeGreaterThan(total / 3);
      const taken = await machine.sh("true", [...none, "--shm-size", "1g", "--tmpfs", "/dev/shm"]);
      expect([taken.code, said(taken)]).toEqual([125, expect.stringContaining("--shm-size and a mount on /dev/shm")]);
    });
  });
  test("--oom-score-adj is how soon it is killed, for exec and every start, whatever the caller has", async () => {
    await withMachine(["busybox"], async (machine) => {
      const script = "cat /proc/self/oom_score_adj";
      expect(await lines(machine, script, ["--oom-score-adj", "300"])).toEqual(["300"]);
      ok(
        await machine.run(["run", "-d", "--name", "box", ...none, "--oom-score-adj", "500", "busybox", "sleep", "60"]),
      );
      expect(ok(await machine.run(["exec", "box", "sh", "-c", script]))).toBe("500");
      expect(ok(await machine.run(["inspect", "-f", "{{.HostConfig.OomScoreAdj}}", "box"]))).toBe("500");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

describe("who it is", () => {
  test("--group-add adds groups by number or by their name in the image, for exec too", async () => {
    const user = ["-u", "1000:", "--group-add", "mail", "--group-add", "4711"];
    await withMachine(["busybox"], async (machine) => {
      expect(await lines(machine, "id -u; id -G", user)).toEqual(["1000", "0 8 4711"]);
      ok(await machine.run(["run", "-d", "--name", "box", ...none, ...user, "busybox", "sleep", "60"]));
      expect(ok(await machine.run(["exec", "box", "id", "-G"]))).toBe("0 8 4711");
      expect(ok(await machine.run(["exec", "-u", ":7", "box", "sh", "-c", "id -u; id -G"]))).toBe("0\n7 8 4711");
      ok(await machine.run(["rm", "-f", "box"]));
      const ghost = await machine.sh("true", [...none, "--group-add", "ghosts"]);
      expect([ghost.code, said(ghost)]).toEqual([125, expect.stringContaining('no group "ghosts"')]);
    });
  });
  test("an exec by number gets in whatever the container has made of its users (P8)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const breaks = {
        fifo: "rm /etc/passwd /etc/group; mkfifo /etc/passwd /etc/group",
        device: "rm /etc/passwd /etc/group; ln -s /dev/zero /etc/passwd; ln -s /dev/zero /etc/group",
        endless: "truncate -s 1T /etc/passwd /etc/group",
        many: "seq 70000 | sed 's/.*/g&:x:&:root/' >/etc/group",
      };
      for (const [name, script] of Object.entries(breaks)) {
        const health = ["--health-cmd", "true", "--health-interval", "200ms"];
        const words = [...none, ...health, "busybox", "sh", "-c", `${script}; exec sleep 60`];
        ok(await machine.run(["run", "-d", "--name", name, ...words]));
        await machine.exec(["sleep", "0.6"]);
        expect([name, ok(await machine.run(["exec", "-u", "0", name, "echo", "in"]))]).toEqual([name, "in"]);
        const state = ok(await machine.run(["inspect", "-f", "{{.State.Health.Status}}", name]));
        expect([name, state]).toEqual([name, "healthy"]);
        ok(await machine.run(["rm", "-f", name]));
      }
    });
  });
  test("--umask is that of its programs, for exec with another user too", async () => {
    await withMachine(["busybox"], async (machine) => {
      const options = [...none, "--umask", "027"];
      expect(await lines(machine, "umask", ["--umask", "0"])).toEqual(["0000"]);
      ok(await machine.run(["run", "-d", "--name", "box", ...options, "busybox", "sleep", "60"]));
      for (const more of [[], ["-u", "1000"]])
        expect(ok(await machine.run(["exec", ...more, "box", "sh", "-c", "umask"]))).toBe("0027");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

describe("its names", () => {
  test("--domainname is the domain of its host name, in /etc/hosts too", async () => {
    await withMachine(["busybox"], async (machine) => {
      const options = ["-h", "web", "--domainname", "example.com"];
      const script = `hostname -f; hostname; ${sysctl("kernel.domainname")}`;
      expect(await lines(machine, script, options)).toEqual(["web.example.com", "web", "example.com"]);
    });
  });
  test("without a network, and in somebody else's, it still finds itself by its host name (P13)", async () => {
    await withMachine(["busybox"], async (machine) => {
      const found = async (...options: string[]) => {
        const script = "ping -c 1 $(hostname) | sed -n '1s/:.*//p'";
        return ok(await machine.container([...options, "busybox", "sh", "-c", script]));
      };
      expect(await found(...none, "-h", "web")).toBe("PING web (127.0.1.1)");
      expect(await found("--network", "host", "-h", "web")).toBe("PING web (127.0.1.1)");
      ok(await machine.run(["run", "-d", "--name", "box", "-h", "db", ...none, "busybox", "sleep", "60"]));
      expect(await found("--network", "container:box", "-h", "web")).toBe("PING web (127.0.1.1)");
      // Without a name of its own it has the other's, as its peers know it.
      expect(await found("--network", "container:box")).toBe("PING db (127.0.1.1)");
      ok(await machine.run(["rm", "-f", "box"]));
    });
  });
});

needing(root, () => (statSync("/usr/share/zoneinfo/Asia/Tokyo", { throwIfNoEntry: false }) ? undefined : "tzdata"))(
  "--tz is its time zone, also in an image that has no zones; local is the host's",
  async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(await lines(machine, "date +%z", ["--tz", "Asia/Tokyo"])).toEqual(["+0900"]);
      expect(await lines(machine, "date +%z", ["--tz", "local"])).toEqual([ok(await machine.exec(["date", "+%z"]))]);
      const nowhere = await machine.sh("true", [...none, "--tz", "Mars/Olympus"]);
      expect([nowhere.code, said(nowhere)]).toEqual([125, expect.stringContaining("no time zone Mars/Olympus")]);
    });
  },
);

describe("its environment", () => {
  test("--unsetenv leaves variables of the image out, and of ours, but none that was asked for", async () => {
    await withMachine(["busybox", "probe"], async (machine) => {
      const env = (...options: string[]) => lines(machine, "env | sort", options);
      expect(await env("--unsetenv", "HOSTNAME", "-e", "A=1", "--unsetenv", "A")).toEqual(
        expect.arrayContaining(["A=1"]),
      );
      expect((await env("--unsetenv", "HOSTNAME")).join()).not.toContain("HOSTNAME");
      // HOME is always there.
      const alone = await machine.ask<string[]>([...none, "--unsetenv-all", "-e", "B=2"], "env");
      expect(alone).toEqual(["B=2", "HOME=/"]);
    });
  });
  test("exec -t leaves the kind of terminal that the container was given as it is (P7)", async () => {
    await withMachine(["busybox"], async (machine) => {
      for (const [name, options, term] of [
        ["given", ["-e", "TERM=vt100"], "vt100"],
        ["plain", [], "xterm"],
      ] as const) {
        ok(await machine.run(["run", "-d", "--name", name, ...none, ...options, "busybox", "sleep", "60"]));
        expect(ok(await machine.run(["exec", "-t", name, "sh", "-c", "echo $TERM"])).trim()).toBe(term);
        expect(ok(await machine.run(["exec", "-t", "-e", "TERM=dumb", name, "sh", "-c", "echo $TERM"])).trim()).toBe(
          "dumb",
        );
        ok(await machine.run(["rm", "-f", name]));
      }
    });
  });
});

describe("an empty value", () => {
  test("is as if nothing was said, as with Docker", async () => {
    await withMachine(["busybox"], async (machine) => {
      expect(await lines(machine, "pwd; id -u", ["-w", "", "-u", ""])).toEqual(["/", "0"]);
    });
  });
});

needing(root, tool("gcc"))("an executable mapping of /dev/zero is allowed (P13)", async () => {
  const program = compiled("map-zero.c");
  await withMachine(["busybox"], async (machine) => {
    expect(ok(await machine.container([...none, "-v", `${program}:/map:ro`, "busybox", "/map"]))).toBe("mapped");
  });
});

test("create keeps all of it for every start, and inspect tells it in Docker's words", async () => {
  await withMachine(["busybox"], async (machine) => {
    const options = {
      "--shm-size": "9m",
      "--ulimit": "nofile=50:60",
      "--sysctl": "net.core.somaxconn=9",
      "--group-add": "mail",
      "--domainname": "corp",
      "--oom-score-adj": "400",
      "--umask": "0027",
      "--unsetenv": "PATH",
      "--annotation": "org.example.a=b=c",
      "--timeout": "60",
      "--hostname": "web",
    };
    const words = Object.entries(options).flat();
    const show =
      "df -k /dev/shm | tail -1 | awk '{ print $2 }'; ulimit -Sn; cat /proc/sys/net/core/somaxconn; id -G; hostname -f";
    const script = `${show}; cat /proc/self/oom_score_adj; umask`;
    ok(await machine.run(["create", "--name", "box", ...none, ...words, "busybox", "/bin/sh", "-c", script]));
    const expected = ["9216", "50", "9", "0 8", "web.corp", "400", "0027"];
    for (let start = 0; start < 2; start++)
      expect(ok(await machine.run(["start", "-a", "box"])).split("\n")).toEqual(expected);
    const { HostConfig, Config } = JSON.parse(ok(await machine.run(["inspect", "box"])))[0];
    expect(HostConfig).toMatchObject({
      ShmSize: 9 << 20,
      Ulimits: [{ Name: "nofile", Soft: 50, Hard: 60 }],
      Sysctls: { "net.core.somaxconn": "9" },
      GroupAdd: ["mail"],
      OomScoreAdj: 400,
      Annotations: { "org.example.a": "b=c" },
      Umask: "0027",
      UnsetEnv: ["PATH"],
    });
    expect(Config).toMatchObject({ Hostname: "web", Domainname: "corp", Timeout: 60, Env: ["HOSTNAME=web"] });
    const id = ok(await machine.run(["inspect", "-f", "{{.Id}}", "box"]));
    // What other programs read of it.
    const bundle = JSON.parse(readFileSync(`${machine.root}/containers/${id}/config.json`, "utf8"));
    expect(bundle).toMatchObject({
      annotations: { "org.example.a": "b=c" },
      linux: { sysctl: { "net.core.somaxconn": "9" } },
    });
    ok(await machine.run(["rm", "box"]));
  });
});
