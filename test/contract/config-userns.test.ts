/** User namespaces of config.json, new and by path. Runs with RUNTIME=runc and crun, too. */

import { describe, expect } from "bun:test";
import { chmodSync, readlinkSync, writeFileSync } from "node:fs";
import {
  type BundleMachine,
  type Json,
  namespaces,
  runtimeName,
  test,
  testOurs,
  withBundle,
} from "../support/bundle.ts";

const others = ["pid", "network", "mount", "ipc", "uts", "cgroup"] as const;
const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
const joining = (path: string, more: Json = {}) => ({
  linux: { namespaces: [...namespaces(...others), { type: "user", path }], ...more },
});

/** Gives the test the path of a user namespace that somebody is in, with maps if there are some. */
async function withUserNamespace(machine: BundleMachine, map: string, use: (path: string) => Promise<void>) {
  const inside = ["unshare", "--user", "sh", "-c", "echo ready; exec sleep 1000"];
  const holder = Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...machine.command(inside)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await holder.stdout.getReader().read();
    for (const name of map ? ["uid_map", "gid_map"] : []) writeFileSync(`/proc/${holder.pid}/${name}`, map);
    await use(`/proc/${holder.pid}/ns/user`);
  } finally {
    holder.kill("SIGKILL");
    await holder.exited;
  }
}

describe("a namespace of type user", () => {
  testOurs(
    "that is new maps ids as uidMappings and gidMappings say, and the root's files stay whose they are",
    async () => {
      await withBundle(async (machine) => {
        const linux = {
          namespaces: namespaces(...others, "user"),
          uidMappings: mappings,
          gidMappings: mappings,
          maskedPaths: ["/proc/kcore"],
        };
        const said = await machine.sh("id -u; awk '{ print $1, $2, $3 }' /proc/self/uid_map; stat -c %u /bin", {
          linux,
        });
        expect(said.split("\n")).toEqual(["0", "0 100000 65536", "65534"]);
        const unmapped = { linux: { namespaces: namespaces(...others, "user") } };
        expect(await machine.refusal(unmapped)).toContain("linux.uidMappings");
      });
    },
  );

  test("by path: 'The runtime MUST place the container process in the namespace associated with that path'", async () => {
    await withBundle(async (machine) => {
      await withUserNamespace(machine, "0 100000 65536", async (path) => {
        const script =
          "readlink /proc/self/ns/user; awk '{ print $1, $2, $3 }' /proc/self/gid_map; id -u; ls -d /proc/[0-9]*";
        // runc 1.1 wants to be told what it could read.
        chmodSync(machine.directory, 0o711); // and goes to the root as somebody of the namespace
        const told = runtimeName === "runc" ? { uidMappings: mappings, gidMappings: mappings } : {};
        const said = await machine.sh(script, joining(path, told));
        expect(said.split("\n").slice(0, 4)).toEqual([readlinkSync(path), "0 100000 65536", "0", "/proc/1"]);
      });
    });
  });

  testOurs("by path has the maps that it has: the same may be said, others are an error", async () => {
    await withBundle(async (machine) => {
      await withUserNamespace(machine, "0 100000 1000\n1000 300000 10", async (path) => {
        const same = [
          { containerID: 1000, hostID: 300_000, size: 10 },
          { containerID: 0, hostID: 100_000, size: 1000 },
        ];
        // Another process of such a container is where the first is.
        machine.configure(
          { process: { args: ["sleep", "100"] } },
          joining(path, { uidMappings: same, gidMappings: same }),
        );
        expect((await machine.create("box")).code).toBe(0);
        expect((await machine.runtime(["start", "box"])).code).toBe(0);
        const joined = await machine.runtime(["exec", "box", "sh", "-c", "readlink /proc/self/ns/user; id -u"]);
        expect(joined.stdout).toBe(`${readlinkSync(path)}\n0\n`);
        expect((await machine.runtime(["delete", "--force", "box"])).code).toBe(0);
        const refused = await machine.refusal(joining(path, { uidMappings: mappings, gidMappings: mappings }));
        expect(refused).toContain("config.json: linux.uidMappings: the namespace");
      });
    });
  });

  testOurs(
    "by path: of another type, without maps, or not there is an error that names it; our own is ours",
    async () => {
      await withBundle(async (machine) => {
        for (const [path, reason] of [
          [`/proc/${machine.pid}/ns/uts`, "is not a namespace of type user"],
          [machine.path("nothing"), "ENOENT"],
        ] as const) {
          const said = await machine.refusal(joining(path));
          expect(said).toContain(path);
          expect(said).toContain(reason);
        }
        await withUserNamespace(machine, "", async (path) => {
          expect(await machine.refusal(joining(path))).toContain(`${path} maps no user 0`);
        });
        const own = "/proc/self/ns/user";
        expect(await machine.sh(`readlink ${own}`, joining(own))).toBe(readlinkSync(own));
      });
    },
  );

  test("without which mappings that are empty say nothing", async () => {
    await withBundle(async (machine) => {
      const linux = { namespaces: namespaces(...others), uidMappings: [], gidMappings: [] };
      expect(await machine.sh("readlink /proc/self/ns/user", { linux })).toBe(readlinkSync("/proc/self/ns/user"));
    });
  });
});
