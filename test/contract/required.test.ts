/** What config.json has to have, and what no value of it may be: each is an error of `create` that names it, and nothing is left. */

import { expect } from "bun:test";
import { isOurs, type Json, merged, plainConfig, testOurs, withBundle } from "../support/bundle.ts";

const linux = (fields: Json): Json => ({ linux: fields });
const process = (fields: Json): Json => ({ process: fields });
const resources = (fields: Json): Json => linux({ resources: fields });
const mounts = (...more: Json[]): Json => ({ mounts: [...(plainConfig.mounts as Json[]), ...more] });
const seccomp = (fields: Json): Json => linux({ seccomp: { defaultAction: "SCMP_ACT_ALLOW", ...fields } });
const rule = { names: ["umask"], action: "SCMP_ACT_ERRNO" };
const mapping = { containerID: 0, hostID: 1000, size: 1 };
const namespaces = (...more: Json[]): Json =>
  linux({ namespaces: [...((plainConfig.linux as Json).namespaces as Json[]), ...more] });
const mapped = (fields: Json): Json =>
  merged(namespaces({ type: "user" }), linux({ uidMappings: [mapping], ...fields }));
const bind = { destination: "/data", source: "/", options: ["rbind", "idmap"] };
const hooks = (hook: Json): Json => ({ hooks: { poststop: [hook] } });

/** A change of a good one, and what is said of it. */
type Case = [change: Json, named: string];

async function refusesEach(cases: Case[]): Promise<void> {
  await withBundle(async (machine) => {
    const found: Case[] = [];
    for (const [change] of cases) {
      const { code, stderr } = await machine.runBundle(change);
      found.push([change, code === 0 ? "it ran" : stderr]);
    }
    expect(found).toEqual(cases.map(([change, named]) => [change, expect.stringContaining(named)]));
    expect(isOurs).toBe(true);
  });
}

testOurs(
  "what config.md has REQUIRED is missed by its name (M41, M43, M60, M61, M62, M64, M66, M67, M72, M73, M76)",
  () =>
    refusesEach([
      [{ ociVersion: undefined }, "ociVersion"],
      [{ root: undefined }, "root"],
      [{ root: { path: undefined } }, "root.path"],
      [mounts({ type: "tmpfs" }), "mounts[4].destination"],
      [process({ cwd: undefined }), "process.cwd"],
      [process({ args: undefined }), "process.args"],
      [process({ args: [] }), "process.args"],
      [process({ consoleSize: { width: 80 } }), "process.consoleSize.height"],
      [process({ consoleSize: { height: 25 } }), "process.consoleSize.width"],
      [process({ rlimits: [{ soft: 1, hard: 1 }] }), "process.rlimits[0].type"],
      [process({ rlimits: [{ type: "RLIMIT_NOFILE", hard: 1 }] }), "process.rlimits[0].soft"],
      [process({ rlimits: [{ type: "RLIMIT_NOFILE", soft: 1 }] }), "process.rlimits[0].hard"],
      [process({ scheduler: { nice: 1 } }), "process.scheduler.policy"],
      [process({ ioPriority: { priority: 1 } }), "process.ioPriority.class"],
      [hooks({ args: ["x"] }), "hooks.poststop[0].path"],
    ]),
);

testOurs(
  "what config-linux.md has REQUIRED is missed by its name (M100, M107, M108, M119, M122, M123, M124, M126, M135, M143)",
  () =>
    refusesEach([
      [namespaces({ path: "/proc/self/ns/user" }), "linux.namespaces[6].type"],
      ...["containerID", "hostID", "size"].map(
        (field): Case => [
          mapped({ gidMappings: [{ ...mapping, [field]: undefined }] }),
          `linux.gidMappings[0].${field}`,
        ],
      ),
      [linux({ devices: [{ path: "/dev/x", major: 1, minor: 3 }] }), "linux.devices[0].type"],
      [linux({ devices: [{ type: "c", major: 1, minor: 3 }] }), "linux.devices[0].path"],
      [linux({ devices: [{ type: "c", path: "/dev/x", minor: 3 }] }), "linux.devices[0]"],
      [linux({ devices: [{ type: "b", path: "/dev/x", major: 3 }] }), "linux.devices[0]"],
      [resources({ devices: [{ access: "rwm" }] }), "linux.resources.devices[0].allow"],
      [resources({ blockIO: { weightDevice: [{ minor: 1, weight: 10 }] } }), "weightDevice[0].major"],
      [resources({ blockIO: { throttleReadBpsDevice: [{ major: 1, rate: 1 }] } }), "throttleReadBpsDevice[0].minor"],
      [
        resources({ blockIO: { throttleWriteIOPSDevice: [{ major: 1, minor: 1 }] } }),
        "throttleWriteIOPSDevice[0].rate",
      ],
      [resources({ hugepageLimits: [{ limit: 1 }] }), "linux.resources.hugepageLimits[0].pageSize"],
      [resources({ hugepageLimits: [{ pageSize: "2MB" }] }), "linux.resources.hugepageLimits[0].limit"],
      [resources({ pids: {} }), "linux.resources.pids.limit"],
      [linux({ seccomp: {} }), "linux.seccomp.defaultAction"],
      [seccomp({ syscalls: [{ action: "SCMP_ACT_ERRNO" }] }), "linux.seccomp.syscalls[0].names"],
      [seccomp({ syscalls: [{ names: ["umask"] }] }), "linux.seccomp.syscalls[0].action"],
      ...["index", "value", "op"].map((field): Case => {
        const argument = { index: 0, value: 1, op: "SCMP_CMP_EQ", [field]: undefined };
        return [seccomp({ syscalls: [{ ...rule, args: [argument] }] }), `syscalls[0].args[0].${field}`];
      }),
      [linux({ personality: {} }), "linux.personality.domain"],
    ]),
);

testOurs(
  "'Runtimes MUST generate an error when invalid or unsupported values are encountered', by their names (M41, M56, M57, M61, M68, M76, M94, M99, M101, M115, M136, M138, M139, M141, M142)",
  () =>
    refusesEach([
      [{ ociVersion: "1" }, "ociVersion"],
      [{ ociVersion: "2.0.0" }, "ociVersion"],
      [process({ cwd: "tmp" }), "process.cwd"],
      [process({ env: "PATH=/bin" }), "process.env"],
      [process({ scheduler: { policy: "SCHED_SOON" } }), "SCHED_SOON"],
      [mounts({ ...bind, uidMappings: [mapping] }), "mounts[4]"],
      [mounts({ ...bind, gidMappings: [mapping] }), "mounts[4]"],
      [hooks({ path: "relative" }), "hooks.poststop[0].path"],
      [{ annotations: ["a"] }, "annotations"],
      [{ annotations: { a: 1 } }, "annotations"],
      [namespaces({ type: "user", path: "self/ns/user" }), "linux.namespaces[6].path"],
      [linux({ cgroupsPath: "/../up" }), "cgroupsPath"],
      [linux({ cgroupsPath: "/" }), "cgroupsPath"],
      [linux({ rootfsPropagation: "loud" }), "linux.rootfsPropagation"],
      [seccomp({ syscalls: [{ ...rule, action: "SCMP_ACT_LOG", errnoRet: 5 }] }), "syscalls[0].errnoRet"],
      [seccomp({ listenerMetadata: "x" }), "linux.seccomp.listenerMetadata"],
      [seccomp({ syscalls: [{ ...rule, names: [] }] }), "linux.seccomp.syscalls[0].names"],
      [linux({ maskedPaths: ["proc/kcore"] }), "linux.maskedPaths[0]"],
      [linux({ readonlyPaths: ["proc/sys"] }), "linux.readonlyPaths[0]"],
    ]),
);
