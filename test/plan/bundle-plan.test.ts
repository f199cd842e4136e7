/** The plans of bundles and of what joins them, as data: which steps, in which order, and what of the caller's stays. */

import { describe, expect, test } from "bun:test";
import type { Process, Spec } from "../../src/oci/spec.ts";
import { type BundleOptions, type BundlePlan, planBundle } from "../../src/plan/bundle/bundle.ts";
import { planJoin } from "../../src/plan/bundle/exec.ts";
import type { Host } from "../../src/plan/cgroup.ts";
import type { InitStep, StdioKind } from "../../src/plan/init-step.ts";
import { aSpec, host } from "../support/plans.ts";

const stdio: StdioKind[] = ["inherited", "inherited", "inherited"];
const cgroup = "/sys/fs/cgroup/box";

/** As an engine would have it: nothing but what the bundle says. */
const aBundle = (linux: Partial<Spec["linux"]> = {}, process: Partial<Process> = {}): Spec => {
  const { process: own, linux: ours, ...spec } = aSpec({}, {}, { kind: "directory", path: "/b/rootfs" });
  const { resources: _, sysctl: __, ...rest } = ours;
  return {
    ...spec,
    root: { path: "/b/rootfs" },
    process: { ...own, user: { uid: 7, gid: 8 }, args: ["prog"], ...process },
    linux: { ...rest, ...linux },
  };
};
const place = { id: "one", directory: "/b" };
const plan = (spec = aBundle(), options: Partial<BundleOptions> = {}, on: Host = host): BundlePlan =>
  planBundle(spec, { cgroup, stdio, outlives: false, ...place, ...options }, on);

const kinds = (steps: readonly { do: string }[]): string[] => steps.map((step) => step.do);
const stepsOf = ({ setup, start }: Pick<BundlePlan, "setup" | "start">): InitStep[] => [...setup, ...start];
const find = <Kind extends InitStep["do"]>(steps: readonly InitStep[], kind: Kind) =>
  steps.filter((step): step is Extract<InitStep, { do: Kind }> => step.do === kind);

describe("planBundle()", () => {
  test("is the same for the same bundle, and changes nothing of it", () => {
    const spec = aBundle();
    const before = structuredClone(spec);
    expect(plan(spec)).toEqual(plan(structuredClone(spec)));
    expect(spec).toEqual(before);
  });

  test("makes nothing on the host but the cgroup, which comes first and may be there already", () => {
    const { build } = plan();
    expect(build[0]).toEqual({ do: "cgroup", path: cgroup, existing: true });
    for (const made of ["overlay", "directory", "volume", "network", "etc-files", "log"])
      expect(kinds(build)).not.toContain(made);
    expect(kinds(plan(aBundle(), { cgroup: undefined as never, withoutCgroup: true }).build)).not.toContain("cgroup");
  });

  test("looks for the program while somebody hears of it; with `create` it waits then, and only then", () => {
    const tail = (steps: InitStep[]) => kinds(steps.slice(steps.findIndex((step) => step.do === "find-program")));
    const [created, run] = [plan(aBundle(), { waits: true }).start, plan().start];
    expect(tail(created).slice(0, 3)).toEqual(["find-program", "await-start", "close-fds"]);
    expect(tail(run).slice(0, 2)).toEqual(["find-program", "close-fds"]);
    expect(kinds(run)).not.toContain("await-start");
    for (const steps of [created, run]) expect(steps.at(-1)).toMatchObject({ do: "execute", args: ["prog"] });
    // All that takes a right away is done when it waits.
    const waiting = kinds(created).indexOf("await-start");
    for (const kind of ["bounding-set", "ids", "capabilities"])
      expect(kinds(created).indexOf(kind)).toBeLessThan(waiting);
  });

  test("closes all descriptors but those that the caller wants preserved", () => {
    const { start } = plan(aBundle(), { waits: true, preserveFds: 2 });
    expect(find(start, "await-start")).toEqual([{ do: "await-start", preserve: 2 }]);
    expect(find(start, "close-fds")).toEqual([{ do: "close-fds", preserve: 2 }]);
    expect(find(plan().start, "close-fds")).toEqual([{ do: "close-fds" }]);
  });

  test("leaves the caller's score of the OOM killer, and its keyring if that is wanted", () => {
    expect(find(stepsOf(plan()), "reset-attributes")[0]).toMatchObject({ keepOomScoreAdj: true });
    expect(kinds(plan().setup)).toContain("session-keyring");
    expect(kinds(plan(aBundle(), { keepsKeyring: true }).setup)).not.toContain("session-keyring");
  });

  test("a setting of the kernel that the bundle has must be so, also one that our own containers have where they can", () => {
    const sysctl = { "net.ipv4.ip_unprivileged_port_start": "0", "net.core.somaxconn": "5" };
    const steps = find(stepsOf(plan(aBundle({ sysctl }))), "sysctl");
    expect(steps.map(({ name }) => name)).toEqual(["net/ipv4/ip_unprivileged_port_start", "net/core/somaxconn"]);
    expect(steps.filter(({ optional }) => optional)).toEqual([]);
  });

  test("propagates mounts of the root as it is told, when it is the root", () => {
    const steps = kinds(plan(aBundle({ rootfsPropagation: "shared" })).setup);
    expect(steps.indexOf("root-propagation")).toBe(steps.indexOf("pivot-root") + 1);
  });

  test("opens namespaces that have a path while paths are the host's, and enters them", () => {
    const namespaces = aBundle().linux.namespaces.map((one) => (one.type === "ipc" ? { ...one, path: "/ns" } : one));
    const { build, setup } = plan(aBundle({ namespaces }));
    expect(build).toContainEqual({ do: "open-namespace", namespace: "ipc", path: "/ns" });
    expect(find(setup, "join-namespace")).toMatchObject([{ namespace: "ipc", path: "/ns" }]);
  });

  test("sets limits last, after the controllers; one that this host cannot set is an error", () => {
    const spec = aBundle({ resources: { memory: { limit: 1 << 26 }, pids: { limit: 5 } } });
    const limits = plan(spec).release.filter((step) => step.do === "delegate" || step.do === "limit");
    expect(limits.map((step) => step.do)).toEqual(["delegate", ...Array(limits.length - 1).fill("limit")]);
    expect(limits[0]).toMatchObject({ cgroup, controllers: expect.arrayContaining(["memory", "pids"]) });
    expect(() => plan(spec, {}, { cgroup2: { mountPoint: "/c", controllers: [] } })).toThrow(/memory/);
    expect(() => plan(spec, { cgroup: undefined as never, withoutCgroup: true })).toThrow(/no cgroup of its own/);
    expect(plan(aBundle({ resources: { memory: { limit: -1 } } }), {}, {}).release).toEqual(plan().release);
  });

  test("a caller that wants no cgroup gets no filter of devices", () => {
    expect(kinds(plan(aBundle(), { cgroup: undefined as never, withoutCgroup: true }).build)).not.toContain(
      "device-filter",
    );
  });

  test("a mount of cgroups shows the container's own: anew in a cgroup namespace, by a bind without one", () => {
    const mount = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] };
    const withMount = (namespaces = aBundle().linux.namespaces): Spec => ({
      ...aBundle({ namespaces }),
      mounts: [...aBundle().mounts.filter(({ destination }) => destination !== mount.destination), mount],
    });
    const mounted = find(plan(withMount()).setup, "mount").find(({ target }) => target === mount.destination);
    expect(mounted).toMatchObject({ type: "cgroup2" });
    const without = aBundle().linux.namespaces.filter(({ type }) => type !== "cgroup");
    const bound = plan(withMount(without)).build.find((step) => step.do === "bind");
    expect(bound).toMatchObject({ source: cgroup });
  });

  test("clocks of its own are set before the user namespace is entered, where nobody could", () => {
    const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const own = [...aBundle().linux.namespaces, { type: "time" } as const];
    const alone = plan(aBundle({ namespaces: own }));
    expect(kinds(alone.setup)).toContain("time-namespace");
    const mapped = plan(aBundle({ namespaces: [...own, { type: "user" }], uidMappings: ids, gidMappings: ids }));
    const through = kinds(mapped.clone.through!);
    expect(through.indexOf("time-namespace")).toBe(through.indexOf("enter-user-namespace") - 1);
    expect(kinds(mapped.setup)).not.toContain("time-namespace");
    expect(kinds(mapped.build)).toContain("user-namespace");
  });
});

describe("planJoin()", () => {
  const process: Process = {
    ...aBundle().process,
    args: ["other", "word"],
    env: ["A=1"],
    cwd: "/there",
    user: { uid: 3, gid: 4, additionalGids: [5] },
  };
  const join = (changes: Partial<Process> = {}, options: Partial<Parameters<typeof planJoin>[2]> = {}) =>
    planJoin(
      aBundle({}, { env: ["OWN=1"] }),
      { ...process, ...changes },
      { stdio, detach: false, preserveFds: 0, place, ...options },
    );

  test("has all of its process, and nothing of the container's own", () => {
    const { setup, start, user } = join();
    expect(user).toMatchObject({ uid: 3, gid: 4 });
    expect(find(setup, "workdir")).toEqual([{ do: "workdir", path: "/there", existing: true }]);
    expect(find(start, "execute")).toMatchObject([{ args: ["other", "word"], env: ["A=1"] }]);
    expect(find(start, "find-program")).toMatchObject([{ args: ["other", "word"], env: ["A=1"] }]);
  });

  test("a terminal is of the kind that its environment says, or of none", () => {
    const { setup, start } = join({ terminal: true, consoleSize: { height: 5, width: 9 } });
    expect(find(setup, "console")).toMatchObject([{ rows: 5, columns: 9, only: true }]);
    expect(find(start, "execute")).toMatchObject([{ env: ["A=1"] }]);
  });

  test("never waits for `start`, and preserves what it is told to", () => {
    const { start } = join({}, { preserveFds: 1 });
    expect(kinds(start)).not.toContain("await-start");
    expect(find(start, "close-fds")).toEqual([{ do: "close-fds", preserve: 1 }]);
  });

  test("its capabilities are its own, whatever the container's are", () => {
    const few = {
      bounding: ["CAP_CHOWN"],
      effective: ["CAP_CHOWN"],
      permitted: ["CAP_CHOWN"],
      inheritable: [],
      ambient: [],
    };
    const { start } = join({ capabilities: few });
    expect(find(start, "capabilities")).toMatchObject([{ capabilities: { permitted: ["CAP_CHOWN"] } }]);
  });

  test("lives on without us if it is detached", () => {
    expect(kinds(join({}, { detach: true }).start)).toContain("outlive");
    expect(kinds(join().start)).not.toContain("outlive");
  });
});
