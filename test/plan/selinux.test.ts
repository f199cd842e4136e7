import { expect, test } from "bun:test";
import { planBinds, planRoot } from "../../src/plan/mounts.ts";
import { relabelOption } from "../../src/plan/rare/mount-options.ts";
import { labelsFrom, randomLevel, sharedLabel, withLabels } from "../../src/plan/rare/selinux.ts";
import { aSpec } from "../support/plans.ts";

const contexts = { process: "system_u:system_r:container_t:s0", file: "system_u:object_r:container_file_t:s0" };

test("labels are the policy's with categories of the container's own, and what was said of their parts", () => {
  expect(labelsFrom(contexts, [], "s0:c1,c2")).toEqual({
    process: "system_u:system_r:container_t:s0:c1,c2",
    mount: "system_u:object_r:container_file_t:s0:c1,c2",
  });
  const words = ["user:u", "role:r", "type:a", "type:svirt_t", "level:s0:c7,c9", "filetype:f_t", "nested"];
  expect(labelsFrom(contexts, words, "s0:c1,c2")).toEqual({
    process: "u:r:svirt_t:s0:c7,c9",
    mount: "u:object_r:f_t:s0:c7,c9",
  });
  // A policy without levels.
  const flat = { process: "u:r:t", file: "u:r:f" };
  expect(labelsFrom(flat, ["level:s0:c1"], "s0:c1,c2")).toEqual({ process: "u:r:t", mount: "u:r:f" });
});

test("a level has two categories of 1024, the lower one first", () => {
  const of = (...numbers: number[]) => randomLevel(() => numbers.shift()!);
  expect([of(0, 0), of(5, 3), of(5, 5), of(1023, 1022), of(1022, 1022)]).toEqual([
    ...["s0:c0,c1", "s0:c3,c5", "s0:c5,c6", "s0:c1022,c1023", "s0:c1022,c1023"],
  ]);
});

test("the root and memory of a container are mounted with its label, and what the kernel or somebody else labels is not", () => {
  const label = "u:object_r:f:s0:c1,c2";
  const mounts = [
    { destination: "/h", type: "bind", source: "/h", options: ["rbind"] },
    { destination: "/own", type: "bind", source: "/own", options: ["rbind", `${relabelOption}=private`] },
    { destination: "/all", type: "bind", source: "/all", options: ["rbind", `${relabelOption}=shared`] },
    { destination: "/vol", type: "bind", source: "/s/volumes/v/data", options: ["rbind"] },
  ];
  const spec = withLabels(aSpec({ mounts }), { process: "p", mount: label }, false, "/s/volumes");
  expect([spec.process.selinuxLabel, spec.linux.mountLabel]).toEqual(["p", label]);
  const with_ = spec.mounts.filter(({ options }) => options?.includes(`context=${label}`));
  expect(with_.map(({ destination }) => destination)).toEqual(["/", "/dev", "/dev/pts", "/dev/shm"]);
  expect(planRoot(spec)).toMatchObject({ do: "overlay", label });
  expect(sharedLabel(label)).toBe("u:object_r:f:s0");
  expect(planBinds(spec).map((bind) => bind.label)).toEqual([
    undefined,
    { of: label },
    { of: "u:object_r:f:s0" },
    { of: "u:object_r:f:s0", unlessTop: true },
  ]);
  const nested = withLabels(aSpec(), { process: "p", mount: label }, true, "/s/volumes");
  expect(nested.mounts.at(-1)).toMatchObject({ destination: "/sys/fs/selinux", type: "bind" });
  expect(nested.mounts.filter(({ options }) => options?.includes(`context=${label}`))).toHaveLength(1);
});
