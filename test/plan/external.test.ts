/** The bundle that another OCI runtime gets, and what is refused under one. */

import { describe, expect, test } from "bun:test";
import { parseBundle } from "../../src/oci/bundle/bundle.ts";
import { planExternal } from "../../src/plan/external/bundle.ts";
import { completeConfig, completeProcess } from "../../src/plan/external/config.ts";
import { formatBundle } from "../../src/plan/external/json.ts";
import { refuseUnder } from "../../src/plan/external/refusals.ts";
import type { RunOptions } from "../../src/plan/options.ts";
import { subpathOption } from "../../src/plan/rare/mount-options.ts";
import { aPlan, aSpec, host } from "../support/plans.ts";

const runtime = { name: "crun", path: "/usr/bin/crun", args: [] };
const root = { uid: 0, gid: 0, groups: [0], home: "/root" };

const external = (changes: Partial<RunOptions> = {}, change: (spec: ReturnType<typeof aSpec>) => void = () => {}) => {
  const spec = aSpec(changes);
  change(spec);
  return planExternal(aPlan(changes), spec, runtime, "/s/c", host);
};

describe("the plan of a container that another runtime makes", () => {
  test("has our host's side, nothing of our init, and tells who is killed which runtime made it", () => {
    const plan = external();
    expect([plan.setup, plan.start, plan.hooks]).toEqual([[], [], undefined]);
    expect(plan.build.map((step) => step.do)).toEqual(["cgroup", "overlay", "user"]);
    expect(plan.prepare[0]).toMatchObject({ cleanup: { runtime: { path: "/usr/bin/crun", root: "/s/c/runtime" } } });
  });
  test("says all of the bundle in the specification's words alone", () => {
    const mounts = [
      { destination: "/data", type: "bind", source: "/d", options: ["rbind", "ro", "rslave", `${subpathOption}=x`] },
      { destination: "/t", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=1m"] },
    ];
    const { config } = external({ mounts }).external!;
    const text = formatBundle(completeConfig(config, root, { network: "/proc/1/fd/9" }));
    for (const own of ["x-tinydocker", "username", "unlessRoot", "profile", "overlay", "cgroup2"])
      expect(text).not.toContain(own);
    expect(text).toContain('"hard":18446744073709551615');
    expect(config.mounts).toContainEqual({
      destination: "/data",
      type: "bind",
      source: "/s/c/bundle/mounts/0",
      options: ["rbind", "ro", "rslave"],
    });
    expect(config.mounts).toContainEqual(mounts[1]!);
    expect(config.linux.rootfsPropagation).toBe("rslave");
    expect(config.linux.devices).toEqual([]);
    // Our own reader, which refuses what the specification has not, takes it.
    const read = parseBundle(text, "/s/c/bundle");
    expect(JSON.stringify(read)).toContain("/proc/1/fd/9");
  });
  test("asks for no limit that this host can't set, and leaves settings of devices for when these are there", () => {
    const limited = { memoryBytes: 1 << 30, pidsLimit: 9, cpus: 1 };
    const only = (controllers: string[]) =>
      planExternal(aPlan(), aSpec(limited), runtime, "/s/c", { cgroup2: { mountPoint: "/g", controllers } }).external!;
    expect(Object.keys(only(["memory", "pids"]).config.linux.resources!).sort()).toEqual(["devices", "memory", "pids"]);
    expect(Object.keys(only([]).config.linux.resources!)).toEqual(["devices"]);
    const own = { "net.ipv4.conf.eth0.rp_filter": "0", "net.ipv4.ip_forward": "1" };
    const plan = external({}, (spec) => void Object.assign(spec.linux, { sysctl: own }));
    expect(plan.external!.lateSysctls).toEqual([{ name: "net/ipv4/conf/eth0/rp_filter", value: "0" }]);
    expect(plan.external!.config.linux.sysctl).toEqual({ "net.ipv4.ip_forward": "1" });
  });
  test("has the user in numbers, who keeps what was asked for by name", () => {
    const { process } = aSpec({ capAdd: ["net_raw", "NET_ADMIN"], env: ["A=1"] });
    const nobody = { uid: 65534, gid: 7, groups: [7, 8], home: "/nowhere" };
    const own = completeProcess(process, nobody);
    expect(own.user).toEqual({ uid: 65534, gid: 7, umask: 0o022, additionalGids: [7, 8] });
    expect(own.env).toContain("HOME=/nowhere");
    const added = ["CAP_NET_ADMIN", "CAP_NET_RAW"];
    expect(own.capabilities).toMatchObject({ ambient: added, effective: added });
    expect(own.capabilities!.bounding).toContain("CAP_CHOWN");
    expect(completeProcess(process, root).capabilities).toMatchObject({
      ambient: [],
      effective: own.capabilities!.bounding,
    });
    expect(completeProcess({ ...process, env: ["HOME=/h"] }, root).env).toEqual(["HOME=/h"]);
  });
  test("has numbers of 64 bits as they were said", () => {
    const text = formatBundle({ args: [{ index: 0, value: "18446744073709551614", op: "SCMP_CMP_EQ" }], name: "12" });
    expect(text).toBe('{"args":[{"index":0,"value":18446744073709551614,"op":"SCMP_CMP_EQ"}],"name":"12"}');
  });
});

test("what only our own runtime can do is refused under another by its name", () => {
  const refusal = (asked: Partial<Parameters<typeof refuseUnder>[1]>) => {
    try {
      refuseUnder("crun", { options: {}, settings: { init: false }, ...asked });
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };
  expect(refusal({})).toBeUndefined();
  expect(refusal({ userns: { kind: "host", mode: "host" } })).toBeUndefined();
  expect(refusal({ settings: { init: true } })).toStartWith("--init is not supported under --runtime crun");
  expect(refusal({ userns: { kind: "keep-id", mode: "keep-id:uid=1" } })).toStartWith("--userns keep-id:uid=1 is not");
  expect(refusal({ options: { process: { domainname: "x" } } })).toStartWith("--domainname is not supported");
  const secrets = [{ name: "s", type: "env" as const, target: "S", uid: 0, gid: 0, mode: 0 }];
  expect(refusal({ options: { secrets } as never })).toStartWith("--secret type=env is not supported");
  const mapped = aSpec();
  mapped.linux.uidMappings = [{ containerID: 0, hostID: 1000, size: 9 }];
  expect(() => planExternal(aPlan(), mapped, runtime, "/s/c", host)).toThrow("user namespace of its own");
});
