/** The mounts of a bundle in the words of our own planner: each option is honoured, or refused by its name. */

import { expect, test } from "bun:test";
import type { Mount, Spec } from "../../src/oci/spec.ts";
import { adaptMounts, adaptStep, checkTargets } from "../../src/plan/bundle/mounts.ts";
import { planBinds, planMounts } from "../../src/plan/mounts.ts";
import { aSpec } from "../support/plans.ts";

const withMounts = (mounts: Mount[], linux: Partial<Spec["linux"]> = {}): Spec => {
  const { rootfsPropagation: _, ...own } = aSpec().linux;
  return { ...aSpec(), mounts, linux: { ...own, ...linux } };
};
const adapt = (mount: Mount, linux: Partial<Spec["linux"]> = {}) => adaptMounts(withMounts([mount], linux));
const bind = (...options: string[]): Mount => ({ destination: "/t", source: "/s", options });

const bindStep = (mount: Mount, linux: Partial<Spec["linux"]> = {}) => planBinds(adapt(mount, linux).spec)[0]!;
const mountStep = (mount: Mount, linux: Partial<Spec["linux"]> = {}) =>
  planMounts(adapt(mount, linux).spec)
    .map(adaptStep)
    .find((step) => step.do === "mount")!;

test("ro is of the mount alone, and rro of all that are below", () => {
  expect(bindStep(bind("rbind", "ro", "rnosuid"))).toMatchObject({
    options: ["ro", "rnosuid"],
    recursive: true,
    writableBelow: true,
  });
});

test("a bind mount takes mounts from the host, unless something else is said of it or of the root", () => {
  expect(bindStep(bind("bind"))).toMatchObject({ propagation: "rslave", recursive: false, anyPropagation: true });
  expect(bindStep(bind("rbind", "rprivate"))).toMatchObject({ propagation: "rprivate" });
  expect(bindStep(bind("rbind"), { rootfsPropagation: "shared" })).toMatchObject({ propagation: "shared" });
});

test("owners are mapped as the mount says, or the container", () => {
  const [uidMappings, gidMappings] = [7, 8].map((hostID) => [{ containerID: 0, hostID, size: 1 }]);
  const both = { uidMappings: uidMappings!, gidMappings: gidMappings! };
  const mappings = { uid: uidMappings, gid: gidMappings };
  expect(bindStep({ ...bind("rbind", "idmap"), ...both }).mappings).toMatchObject({ ...mappings, recursive: false });
  expect(bindStep(bind("rbind", "ridmap"), both).mappings).toMatchObject({ ...mappings, recursive: true });
  expect(bindStep(bind("rbind"), both).mappings).toBeUndefined();
  expect(() => adapt(bind("rbind", "idmap"))).toThrow("mounts[0].options: idmap needs mappings");
});

test("what is no option of a bind mount is refused, and what has no effect on one is warned of", () => {
  expect(() => adapt(bind("rbind", "size=5"))).toThrow('mounts[0].options: "size=5"');
  expect(() => adapt(bind("rbind", "remount", "size=1k"))).toThrow('mounts[0].options: "size=1k"');
  expect(adapt(bind("rbind", "lazytime")).warnings).toEqual([expect.stringContaining("lazytime")]);
  expect(adapt(bind("rbind", "defaults", "silent", "x-gvfs-hide", "nofail")).warnings).toEqual([]);
});

test("options that nobody knows are the file system's own", () => {
  const step = mountStep({
    destination: "/t",
    type: "tmpfs",
    source: "t",
    options: ["mode=1", "noswap", "rro", "rshared"],
  });
  expect(step).toMatchObject({ options: ["mode=1", "noswap", "ro"], propagation: "shared" });
});

test("a disk that is mounted read-only is opened so", () => {
  const disk: Mount = { destination: "/t", type: "ext4", source: "/dev/vda", options: ["ro"] };
  expect(mountStep(disk)).toMatchObject({ readonlyDevice: true });
  expect(mountStep({ ...disk, options: [] })).not.toHaveProperty("readonlyDevice");
});

test("a tmpfs begins with the mode of what it covers, and with its content if that is asked for", () => {
  const tmpfs = (...options: string[]): Mount => ({ destination: "/t", type: "tmpfs", source: "tmpfs", options });
  expect(bindStep(tmpfs("tmpcopyup", "mode=700"))).toMatchObject({ tmpfs: true, options: ["tmpcopyup", "mode=700"] });
  expect(bindStep(tmpfs("size=5"))).toMatchObject({ tmpfs: true });
  expect(mountStep(tmpfs("mode=755"))).toMatchObject({ type: "tmpfs" });
  expect(() => adapt({ ...tmpfs("tmpcopyup"), type: "proc" })).toThrow("tmpcopyup is an option of tmpfs");
});

test("a label is that of each file system which has none of the kernel's", () => {
  const of = (type: string) =>
    mountStep({ destination: "/t", type, source: type, options: ["mode=1"] }, { mountLabel: "a:b" });
  expect(of("devpts")).toMatchObject({ options: ["mode=1", "context=a:b"] });
  expect(of("mqueue")).toMatchObject({ options: ["mode=1"] });
  expect(of("proc")).toMatchObject({ options: ["mode=1"] });
});

test("nothing but proc is mounted on /proc, and below it only a few files are covered", () => {
  const check = (mount: Partial<Mount>) => () =>
    checkTargets(withMounts([{ destination: "/proc", source: "/s", ...mount }]));
  expect(check({ type: "proc" })).not.toThrow();
  expect(check({ type: "bind" })).not.toThrow();
  expect(check({ type: "tmpfs" })).toThrow("mounts[0].destination");
  expect(check({ type: "bind", destination: "/proc//meminfo" })).not.toThrow();
  expect(check({ type: "tmpfs", destination: "/proc/meminfo" })).toThrow("inside /proc");
  expect(check({ type: "bind", destination: "/proc/sys" })).toThrow("inside /proc");
  expect(check({ type: "bind", destination: "/x/../proc/sys" })).toThrow('".."');
});

test("the default devices are there whatever a bundle has, and its own may replace them", () => {
  const own = { type: "p", path: "/dev/tty", major: -1, minor: -1, fileMode: 0o600, uid: 1, gid: 2 } as const;
  const { spec } = adaptMounts(withMounts([], { devices: [own] }));
  const paths = spec.linux.devices!.map(({ path }) => path);
  expect(paths.toSorted()).toEqual(["full", "null", "random", "tty", "urandom", "zero"].map((name) => `/dev/${name}`));
  expect(spec.linux.devices!.find(({ path }) => path === "/dev/tty")).toEqual({ ...own, major: 0, minor: 0 });
});
