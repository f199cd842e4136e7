/** `linux` of config.json, as the runtime specification has it. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { readlinkSync } from "node:fs";
import { isOurs, namespaces, plainConfig, runtimeName, test, testOurs, withBundle } from "../support/bundle.ts";

const everyNamespace = ["pid", "network", "mount", "ipc", "uts", "cgroup"] as const;
const without = (type: string) => ({
  linux: { namespaces: namespaces(...everyNamespace.filter((one) => one !== type)) },
});
const kernelName = (type: string) => ({ network: "net", mount: "mnt" })[type] ?? type;

describe("linux.namespaces", () => {
  test("'the runtime MUST create a new container namespace', and where none is named the container 'MUST inherit' (M104, M105)", async () => {
    await withBundle(async (machine) => {
      const links = everyNamespace.map((type) => `readlink /proc/self/ns/${kernelName(type)}`).join(";");
      const own = (await machine.sh(links)).split("\n");
      everyNamespace.forEach((type, index) => {
        expect([type, own[index]]).not.toEqual([type, readlinkSync(`/proc/self/ns/${kernelName(type)}`)]);
      });
      for (const type of ["ipc", "uts", "cgroup"]) {
        const path = `/proc/self/ns/${kernelName(type)}`;
        expect([type, await machine.sh(`readlink ${path}`, without(type))]).toEqual([type, readlinkSync(path)]);
      }
    });
  });

  test("path: 'The runtime MUST place the container process in the namespace associated with that path' (M102)", async () => {
    await withBundle(async (machine) => {
      for (const type of ["network", "ipc", "uts"]) {
        const name = kernelName(type);
        const path = `/proc/${machine.pid}/ns/${name}`;
        const all = [...without(type).linux.namespaces, { type, path }];
        const said = await machine.sh(`readlink /proc/self/ns/${name}`, { linux: { namespaces: all } });
        expect([type, said]).toEqual([type, readlinkSync(path)]);
      }
    });
  });

  test("'MUST generate an error if path is not associated with a namespace of type type', or types are duplicated (M103, M106)", async () => {
    await withBundle(async (machine) => {
      const wrong = [...without("ipc").linux.namespaces, { type: "ipc", path: `/proc/${machine.pid}/ns/uts` }];
      // crun 1.8 joins whatever is there, and counts what is there twice once.
      if (runtimeName !== "crun") {
        expect(await machine.refusal({ linux: { namespaces: wrong } })).not.toBe("");
        expect(await machine.refusal({ linux: { namespaces: namespaces("mount", "ipc", "ipc") } })).not.toBe("");
      }
      if (isOurs)
        expect(await machine.refusal({ linux: { namespaces: [{ type: "mount" }, { type: "moon" }] } })).toContain(
          "moon",
        );
    });
  });

  testOurs("pid by path: the container is born among the processes of another", async () => {
    await withBundle(async (machine) => {
      machine.configure({ process: { args: ["sleep", "100"] } });
      expect((await machine.create("first")).code).toBe(0);
      expect((await machine.runtime(["start", "first"])).code).toBe(0);
      const { pid } = JSON.parse((await machine.runtime(["state", "first"])).stdout);
      const all = ["pid", "ipc", "uts", "network", "cgroup"].map((type) => ({
        type,
        path: `/proc/${pid}/ns/${kernelName(type)}`,
      }));
      const namespacesOf = { linux: { namespaces: [...all, { type: "mount" }] } };
      expect(await machine.sh("ps -o args | grep -c '^sleep 100'", namespacesOf)).toBe("1");
      expect((await machine.runtime(["delete", "--force", "first"])).code).toBe(0);
    });
  });

  testOurs("mount by path: that of the runtime itself is refused, as its root would change", async () => {
    await withBundle(async (machine) => {
      const joined = [...without("mount").linux.namespaces, { type: "mount", path: `/proc/${machine.pid}/ns/mnt` }];
      expect(await machine.refusal({ linux: { namespaces: joined } })).toContain("our own namespace");
    });
  });

  testOurs("time: clocks are ahead by timeOffsets", async () => {
    await withBundle(async (machine) => {
      const change = {
        linux: {
          namespaces: namespaces(...everyNamespace, "time"),
          timeOffsets: { boottime: { secs: 1_000_000, nanosecs: 5 }, monotonic: { secs: 2000 } },
        },
      };
      const [uptime = "0"] = (await machine.sh("cat /proc/uptime", change)).split(" ");
      expect(Number(uptime)).toBeGreaterThan(1_000_000);
      expect(await machine.sh("readlink /proc/self/ns/time", change)).not.toBe(readlinkSync("/proc/self/ns/time"));
      // Those of a user namespace, too, whose root may set no clock; and exec gets in.
      const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      const types = { namespaces: namespaces(...everyNamespace, "time", "user") };
      machine.configure(
        { process: { args: ["sleep", "100"] } },
        { linux: { ...change.linux, ...types, uidMappings: mappings, gidMappings: mappings } },
      );
      expect(await machine.create("mapped")).toMatchObject({ code: 0, stderr: "" });
      expect((await machine.runtime(["start", "mapped"])).code).toBe(0);
      const { stdout } = await machine.runtime(["exec", "mapped", "cat", "/proc/uptime"]);
      expect(Number(stdout.split(" ")[0])).toBeGreaterThan(1_000_000);
      expect((await machine.runtime(["delete", "--force", "mapped"])).code).toBe(0);
    });
  });

  test("hostname and domainname are those of a new uts namespace, and an error without one", async () => {
    await withBundle(async (machine) => {
      expect(await machine.sh("hostname", { hostname: "box" })).toBe("box");
      if (isOurs)
        expect(await machine.sh("cat /proc/sys/kernel/domainname", { domainname: "example" })).toBe("example");
      expect(await machine.refusal({ hostname: "box" }, without("uts"))).toContain("hostname");
    });
  });
});

describe("linux.devices", () => {
  test("'In addition to any devices configured with this setting, the runtime MUST also supply' the default devices (M110)", async () => {
    await withBundle(async (machine) => {
      const names = ["null", "zero", "full", "random", "urandom", "tty"];
      const said = await machine.sh(`cd /dev; stat -c '%n %F' ${names.join(" ")}; readlink ptmx`);
      expect(said.split("\n")).toEqual([
        ...names.map((name) => `${name} character special file`),
        expect.stringContaining("pts/ptmx"),
      ]);
    });
  });

  test("type, path, major, minor, fileMode, uid and gid are the device's; it may be anywhere (M108)", async () => {
    await withBundle(async (machine) => {
      const devices = [
        { type: "c", path: "/opt/deep/null", major: 1, minor: 3, fileMode: 0o640, uid: 7, gid: 8 },
        // As podman's `--device` writes it: with the bits that say what kind of node it is.
        { type: "c", path: "/dev/own", major: 1, minor: 3, fileMode: 0o20660 },
        { type: "p", path: "/dev/fifo", fileMode: 0o600 },
        { type: "u", path: "/dev/mine", major: 1, minor: 5 },
      ];
      const all = isOurs ? devices : devices.slice(0, 2);
      const said = await machine.sh(`stat -c '%F %a %u %g %t,%T' ${all.map(({ path }) => path).join(" ")}`, {
        linux: { devices: all },
      });
      const expected = [
        "character special file 640 7 8 1,3",
        "character special file 660 0 0 1,3",
        "fifo 600 0 0 0,0",
        "character special file 666 0 0 1,5",
      ];
      expect(said.split("\n")).toEqual(expected.slice(0, all.length));
    });
  });

  testOurs(
    "'If a file already exists at path that does not match the requested device, the runtime MUST generate an error' (M109)",
    async () => {
      await withBundle(async (machine) => {
        machine.file("rootfs/there", "a file");
        const device = (minor: number, path: string) => ({
          linux: { devices: [{ type: "c", path, major: 1, minor }] },
        });
        expect(await machine.refusal(device(3, "/there"))).toContain("/there");
        expect(await machine.sh("echo made", device(3, "/device"))).toBe("made");
        expect(await machine.sh("echo again", device(3, "/device"))).toBe("again");
        expect(await machine.refusal(device(5, "/device"))).toContain("/device");
      });
    },
  );
});

describe("linux", () => {
  test("maskedPaths: 'will mask over the provided paths inside the container so that they cannot be read'", async () => {
    await withBundle(async (machine) => {
      machine.file("rootfs/secret", "secret");
      machine.file("rootfs/secrets/one", "secret");
      const maskedPaths = ["/secret", "/secrets", "/not/there"];
      expect(await machine.sh("cat /secret; ls /secrets", { linux: { maskedPaths } })).toBe("");
      if (isOurs) expect(await machine.refusal({ linux: { maskedPaths: ["secret"] } })).toContain("maskedPaths[0]");
    });
  });

  test("readonlyPaths: 'will set the provided paths as readonly inside the container'", async () => {
    await withBundle(async (machine) => {
      machine.file("rootfs/config/file", "");
      const said = await machine.sh("echo x 2>&1 >/config/file; echo 1 2>&1 >/proc/sys/kernel/domainname; true", {
        linux: { readonlyPaths: ["/config", "/proc/sys", "/not/there"] },
      });
      expect(said.match(/Read-only/g)).toHaveLength(2);
    });
  });

  test("sysctl: 'allows kernel parameters to be modified at runtime for the container'; those of the host are not", async () => {
    await withBundle(async (machine) => {
      const sysctl = { "net.ipv4.ip_forward": "1", "kernel.shmmax": "12345", "fs.mqueue.msg_max": "20" };
      const said = await machine.sh("cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmax fs/mqueue/msg_max", {
        linux: { sysctl },
      });
      expect(said).toBe("1\n12345\n20");
      expect(await machine.refusal({ linux: { sysctl: { "vm.swappiness": "1" } } })).toContain("vm.swappiness");
      const shared = await machine.refusal(without("network"), { linux: { sysctl: { "net.ipv4.ip_forward": "1" } } });
      expect(shared).toContain("net.ipv4.ip_forward");
    });
  });

  test("rootfsPropagation is how mounts travel from and to the root", async () => {
    await withBundle(async (machine) => {
      const shown = `awk '$5 == "/" { for (i = 7; $i != "-"; i++) print $i }' /proc/self/mountinfo`;
      expect(await machine.sh(shown, { linux: { rootfsPropagation: "private" } })).toBe("");
      if (!isOurs) return;
      expect(await machine.sh(shown, { linux: { rootfsPropagation: "shared" } })).toContain("shared:");
      expect(await machine.sh(shown, { linux: { rootfsPropagation: "unbindable" } })).toBe("unbindable");
      expect(await machine.refusal({ linux: { rootfsPropagation: "loud" } })).toContain("rootfsPropagation");
    });
  });

  testOurs("personality: LINUX32 shows a processor of 32 bits", async () => {
    await withBundle(async (machine) => {
      const found = await machine.ask<{ personality: number }>("attributes", {
        linux: { personality: { domain: "LINUX32" } },
      });
      expect(found.personality).toBe(8);
      const flags = { domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"] };
      expect(await machine.refusal({ linux: { personality: flags } })).toContain("linux.personality.flags");
    });
  });

  testOurs("memoryPolicy: the program's memory comes from the nodes that are named", async () => {
    await withBundle(async (machine) => {
      const policy = (mode: string, nodes?: string) => ({ linux: { memoryPolicy: { mode, ...(nodes && { nodes }) } } });
      expect(await machine.sh("awk '{ print $2; exit }' /proc/self/numa_maps", policy("MPOL_BIND", "0"))).toBe(
        "bind:0",
      );
      expect(await machine.refusal(policy("MPOL_BIND"))).toContain("linux.memoryPolicy.nodes");
    });
  });

  testOurs("netDevices: a device of the host is the container's, under its new name, with its addresses", async () => {
    await withBundle(async (machine) => {
      expect((await machine.exec(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"])).code).toBe(0);
      expect((await machine.exec(["ip", "address", "add", "192.0.2.7/24", "dev", "v0"])).code).toBe(0);
      const said = await machine.sh("ip -o address show dev eth7", { linux: { netDevices: { v0: { name: "eth7" } } } });
      expect(said).toContain("192.0.2.7/24");
      expect(await machine.refusal({ linux: { netDevices: { missing: {} } } })).toContain("missing");
      const host = { linux: { ...without("network").linux, netDevices: { lo: {} } } };
      expect(await machine.refusal(host)).toContain("linux.netDevices");
    });
  });

  testOurs("what this runtime does not have is refused by its name (M7, M131, M132)", async () => {
    await withBundle(async (machine) => {
      const refused: [change: Record<string, unknown>, name: string][] = [
        [{ intelRdt: { closID: "group" } }, "linux.intelRdt"],
        [{ resources: { network: { classID: 1 } } }, "linux.resources.network.classID"],
        [{ resources: { memory: { kernelTCP: 1 } } }, "linux.resources.memory.kernelTCP"],
        [{ resources: { cpu: { realtimePeriod: 1 } } }, "linux.resources.cpu.realtimePeriod"],
        [{ resources: { blockIO: { leafWeight: 10 } } }, "linux.resources.blockIO.leafWeight"],
        [{ namespaces: namespaces("pid") }, "linux.namespaces"],
      ];
      for (const [linux, name] of refused) expect(await machine.refusal({ linux })).toContain(name);
      expect(plainConfig).toHaveProperty("linux");
    });
  });
});
