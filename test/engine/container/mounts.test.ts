import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { completeMounts, planVolumes } from "../../../src/engine/container/mounts.ts";
import { pathsOf } from "../../../src/paths.ts";
import { planContainer } from "../../../src/plan/container.ts";
import type { MountRequest } from "../../../src/plan/mounts.ts";
import { aSpec, container, host, id } from "../../support/plans.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const volume = (source: string | undefined, destination: string, ...options: string[]): MountRequest => ({
  destination,
  type: "volume",
  ...(source !== undefined && { source }),
  options,
});

describe("the mounts of a container", () => {
  const complete = (asked: MountRequest[], declared: string[] = []) =>
    completeMounts(pathsOf("/none"), asked, [], { Volumes: Object.fromEntries(declared.map((path) => [path, {}])) });
  test("are those asked for, before what the image declares on the same target, and in order of depth", () => {
    const mounts = complete([volume("low", "/a/b/c"), volume("own", "/data")], ["/data", "/a"]);
    expect(mounts.map(({ source, destination }) => [destination, source])).toEqual([
      ["/data", "own"],
      ["/a", expect.stringMatching(/^[0-9a-f]{64}$/)],
      ["/a/b/c", "low"],
    ]);
  });
  test("get names where they have none, each its own", () => {
    const names = complete([volume(undefined, "/x")], ["/y"]).map(({ source }) => source);
    expect(new Set(names).size).toBe(2);
  });
  test("are never where the container has something of its own", () => {
    for (const path of ["/dev", "/sys", "/dev/shm"]) expect(() => complete([], [path])).toThrow("has already");
    for (const path of ["/proc", "/proc/1", "/", "/a/../b"])
      expect(() => complete([], [path])).toThrow("the image's volume: ");
  });
});

describe("a volume", () => {
  const plan = (root: string, mounts: MountRequest[], first = true) => planVolumes(pathsOf(root), id, mounts, first);
  test("becomes a bind of its data, which is filled at the first start only, and made once", () => {
    const { mounts, steps } = plan("/none", [volume("data", "/a", "ro"), volume("data", "/b", "nocopy")]);
    expect(mounts.map(({ source, options }) => [source, options])).toEqual([
      ["/none/volumes/data/_data", ["rbind", "ro", "x-tinydocker.copy-up"]],
      ["/none/volumes/data/_data", ["rbind"]],
    ]);
    expect(steps).toMatchObject([{ do: "volume", name: "data", path: "/none/volumes/data", anonymous: false }]);
    expect(plan("/none", [volume("data", "/a")], false).mounts[0]!.options).toEqual(["rbind"]);
    expect(plan("/none", [volume("data", "/a", "x-tinydocker.subpath=x")]).mounts[0]!.options).toEqual([
      "rbind",
      "x-tinydocker.subpath=x",
    ]);
  });
  test("is what its record says; of one that is damaged nobody knows where it is", () => {
    const root = temporaryDirectory();
    const record = (name: string, text: string) => {
      mkdirSync(`${root}/volumes/${name}`, { recursive: true });
      writeFileSync(`${root}/volumes/${name}/volume.json`, text);
    };
    const rest = { name: "x", created: "2026-01-02T03:04:05Z" };
    record("there", JSON.stringify({ ...rest, labels: {}, options: { type: "none", o: "bind,ro", device: "/srv" } }));
    record("memory", JSON.stringify({ ...rest, labels: {}, options: { type: "tmpfs", o: "size=1m" } }));
    for (const text of ["", "{", "null", "[]", '{"labels":7}']) {
      record("broken", text);
      expect(() => plan(root, [volume("broken", "/a")])).toThrow("volume broken is damaged: volume.json");
    }
    expect(plan(root, [volume("there", "/a")]).mounts[0]).toMatchObject({ source: "/srv", options: ["rbind", "ro"] });
    const { steps } = plan(root, [volume("memory", "/a"), volume("memory", "/b")]);
    expect(steps.filter((step) => step.do === "mount-volume")).toEqual([
      { do: "mount-volume", path: `${root}/volumes/memory`, type: "tmpfs", source: "tmpfs", options: ["size=1m"] },
    ]);
    const other = { ...volume("there", "/a"), volume: { labels: {}, options: { device: "/other" } } };
    expect(() => plan(root, [other])).toThrow("exists with other options");
  });
  test("without a name is noted for whoever cleans up; memory is mounted at every start", () => {
    const { steps } = plan("/none", [
      volume("n".repeat(64), "/a", "x-tinydocker.anonymous"),
      { ...volume("memory", "/b"), volume: { labels: {}, options: { type: "tmpfs" } } },
    ]);
    const planned = (fresh: boolean) => planContainer(aSpec(), container({ volumes: steps, fresh }), host);
    const prepare = (fresh: boolean) => planned(fresh).prepare;
    expect(prepare(true)[0]).toMatchObject({ do: "lock-file", cleanup: { volumes: ["n".repeat(64)] } });
    expect(prepare(true).map((step) => step.do)).toEqual([
      ...(["lock-file", "take-name", "directories"] as const),
      ...(["volume", "volume"] as const),
    ]);
    expect(prepare(false).map((step) => step.do)).toEqual(["lock-file"]);
    const built = ["cgroup", "device-filter", "mount-volume", "overlay", "user"] as const;
    for (const fresh of [true, false]) expect(planned(fresh).build.map((step) => step.do)).toEqual([...built]);
  });
});
