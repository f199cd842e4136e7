import { describe, expect, test } from "bun:test";
import { planContainer } from "../../src/plan/container.ts";
import { planExec } from "../../src/plan/exec.ts";
import { planProcess, type SharedPaths } from "../../src/plan/process.ts";
import type { ProcessOptions } from "../../src/plan/process-options.ts";
import { aSpec, container, host, options } from "../support/plans.ts";

const facts = { hardLimits: {}, maxFiles: 1_048_576 };
const specOf = (process: ProcessOptions, shared?: SharedPaths, more = {}) =>
  planProcess(aSpec({ process, ...more }), options({ process, ...more }), facts, shared);
const planOf = (process: ProcessOptions, shared?: SharedPaths, own = {}) =>
  planContainer(specOf(process, shared), container(own), host);

describe("planProcess()", () => {
  test("changes nothing where nothing was said", () => {
    expect(specOf({})).toEqual(aSpec());
  });
  test("leaves out the namespaces of the host, and names those of others", () => {
    const types = (process: ProcessOptions, shared?: SharedPaths) =>
      specOf(process, shared).linux.namespaces.map(({ type, path }) => (path ? `${type}=${path}` : type));
    expect(types({})).toEqual(["pid", "ipc", "uts", "mount", "cgroup", "network"]);
    expect(types({ pid: "host", uts: "host", cgroupns: "host" })).toEqual(["ipc", "mount", "network"]);
    const paths = { pid: "/proc/1/fd/5", ipc: "/proc/1/fd/6", ipcMounts: "/proc/1/fd/7" };
    expect(types({ pid: "container:x", ipc: "container:x" }, paths).slice(0, 2)).toEqual([
      "pid=/proc/1/fd/5",
      "ipc=/proc/1/fd/6",
    ]);
    expect(types({ ipc: "shareable" })).toEqual(types({}));
  });
  test("takes /dev/shm from where the ipc namespace is", () => {
    const shm = (process: ProcessOptions, shared?: SharedPaths) =>
      specOf(process, shared).mounts.find(({ destination }) => destination === "/dev/shm");
    expect(shm({ shmBytes: 5 })).toMatchObject({ type: "tmpfs", options: expect.arrayContaining(["size=5"]) });
    expect(shm({ ipc: "none" })).toBeUndefined();
    expect(shm({ ipc: "host" })).toMatchObject({ type: "bind", source: "/dev/shm" });
    const other = shm({ ipc: "container:x" }, { ipcMounts: "/proc/1/fd/7" });
    expect(other!.options).toContain("x-tinydocker.mount-namespace=/proc/1/fd/7");
  });
  test("refuses a size, or a time zone, for what somebody has mounted something on", () => {
    const on = (destination: string) => ({ mounts: [{ destination, type: "tmpfs", source: "tmpfs", options: [] }] });
    expect(() => specOf({ shmBytes: 5 }, {}, on("/dev/shm"))).toThrow("--shm-size and a mount on /dev/shm");
    expect(() => specOf({ timezone: "UTC" }, {}, on("/etc/localtime"))).toThrow("--tz and a mount on /etc/localtime");
  });
  test("leaves the host's name as it is with its uts namespace", () => {
    expect(specOf({ uts: "host" }, {}, { hostname: "web" }).hostname).toBeUndefined();
    expect(specOf({ domainname: "corp" }, {}, { hostname: "web" })).toMatchObject({
      hostname: "web",
      domainname: "corp",
    });
  });
});

describe("the plan of a container", () => {
  test("that shares its processes makes no pid namespace, and needs a cgroup to be ended whole", () => {
    expect(planOf({ pid: "host" }).clone.flags).toEqual([]);
    const shared = planOf({ pid: "container:x" }, { pid: "/proc/1/fd/5" });
    expect(shared.clone).toMatchObject({ flags: [], pid: "/proc/1/fd/5" });
    expect(shared.build).toContainEqual({ do: "open-namespace", namespace: "pid", path: "/proc/1/fd/5" });
    expect(() => planContainer(specOf({ pid: "host" }), container(), {})).toThrow("--pid needs cgroup v2");
    expect(planContainer(specOf({}), container(), {}).clone.flags).toEqual(["NEWPID"]);
  });
  test("has its small init collect orphans only where it is not process 1", () => {
    const kinds = (process: ProcessOptions) => planOf(process, {}, { reap: true }).start.map((step) => step.do);
    expect(kinds({ pid: "host" })).toContain("subreaper");
    expect(kinds({})).not.toContain("subreaper");
  });
  test("joins an ipc namespace instead of making one", () => {
    const { setup } = planOf({ ipc: "container:x" }, { ipc: "/proc/1/fd/6" });
    expect(setup).toContainEqual(expect.objectContaining({ do: "join-namespace", namespace: "ipc" }));
    expect(setup).not.toContainEqual(expect.objectContaining({ do: "unshare", namespace: "NEWIPC" }));
  });
});

test("an exec has the groups, the umask and the score of the container, also as another user", () => {
  const spec = specOf({ groups: ["wheel"], umask: 0o27, oomScoreAdj: 5 });
  const plan = planExec(
    spec,
    { command: ["x"], env: [], user: "web", terminal: false, privileged: false, detach: false },
    [],
    [],
    { id: "one", directory: "/b" },
  );
  expect(plan).toMatchObject({ user: { name: "web", more: ["wheel"] }, oomScoreAdj: 5 });
  expect(plan.start).toContainEqual({ do: "umask", mask: 0o27 });
});
