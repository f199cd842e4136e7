/** What `features` lists is what config.json may have: each element is recognized, and the document is as its schema has it. */

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isOurs, type Json, plainConfig, runtimeName, test, testOurs, withBundle } from "../support/bundle.ts";

interface Features {
  ociVersionMin: string;
  ociVersionMax: string;
  hooks: string[];
  mountOptions: string[];
  annotations: Record<string, string>;
  linux: Json & {
    namespaces: string[];
    capabilities: string[];
    seccomp: Record<"actions" | "operators" | "archs" | "knownFlags" | "supportedFlags", string[]>;
    mountExtensions: { idmap: { enabled: boolean } };
  };
}
type Machine = Parameters<Parameters<typeof withBundle>[0]>[0];
const featuresOf = async (machine: Machine): Promise<Features> =>
  JSON.parse((await machine.runtime(["features"])).stdout);

/** As far as the schemas of features go. */
interface Schema {
  $ref?: string;
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  required?: string[];
}
const schemas = join(import.meta.dir, "../oci/runtime-spec");

/** What is said by a `$ref` as `defs.json#/definitions/Env`. */
function resolved(schema: Schema, file: string): [Schema, string] {
  if (schema.$ref === undefined) return [schema, file];
  const [name, path] = schema.$ref.split("#/") as [string, string];
  const at = name || file;
  const parts = path.split("/").filter(Boolean);
  // biome-ignore lint/suspicious/noExplicitAny: a tree of JSON
  const found = parts.reduce((tree: any, part) => tree[part], JSON.parse(readFileSync(join(schemas, at), "utf8")));
  return resolved(found, at);
}

/** The other one needs an agent: seccomp-notify.test.ts. */
const isOfNobody = (action: string): boolean => action !== "SCMP_ACT_NOTIFY";

const typeOf = (value: unknown): string => (Array.isArray(value) ? "array" : typeof value);

/** Where a value is not as its schema has it: wrong types, what is missing, and properties that are not there. */
function faults(value: unknown, [schema, file]: [Schema, string], where = ""): string[] {
  if (schema.type && schema.type !== typeOf(value)) return [`${where} is ${typeOf(value)}, not ${schema.type}`];
  if (Array.isArray(value))
    return value.flatMap((item, index) => faults(item, resolved(schema.items ?? {}, file), `${where}[${index}]`));
  if (typeOf(value) !== "object" || !schema.properties) return [];
  const has = value as Json;
  return [
    ...(schema.required ?? []).filter((name) => !(name in has)).map((name) => `${where}.${name} is missing`),
    ...Object.entries(has).flatMap(([name, one]) => {
      const known = schema.properties![name];
      return known ? faults(one, resolved(known, file), `${where}.${name}`) : [`${where}.${name} is not known`];
    }),
  ];
}

// crun has it since 1.8.6.
const exists = runtimeName !== "crun";

describe("features", () => {
  test("the document is as its schema has it, without null, and its versions are those that config.json may have (M148, M149, M150, M151, M154, M162)", async () => {
    if (!exists) return;
    await withBundle(async (machine) => {
      const features = await featuresOf(machine);
      // Version 1.3.0 has it, and the schema is older.
      if (isOurs) delete features.linux.netDevices;
      expect(faults(features, resolved({ $ref: "features-schema.json#/" }, ""))).toEqual([]);
      expect(JSON.stringify(features)).not.toContain("null");
      const [least, most] = [features.ociVersionMin, features.ociVersionMax];
      expect(Bun.semver.order(least, most)).toBe(-1);
      for (const ociVersion of isOurs ? [least, most, "1.2.0", "1.2.1"] : [least, most])
        expect(await machine.sh(`echo ${ociVersion}`, { ociVersion })).toBe(ociVersion);
      expect(Object.values(features.annotations).map(typeOf)).toContain("string");
      if (isOurs) expect(features.linux.mountExtensions.idmap.enabled).toBe(true);
    });
  });

  test("hooks are those of config.json (M152)", async () => {
    if (!exists) return;
    await withBundle(async (machine) => {
      const { hooks } = await featuresOf(machine);
      const path = machine.file("hook.sh", `#!/bin/sh\necho $1 >>"${machine.path("log")}"\n`, 0o755);
      const outside = hooks.filter((kind) => kind !== "startContainer");
      const all = Object.fromEntries(outside.map((kind) => [kind, [{ path, args: ["hook", kind] }]]));
      await machine.sh("true", { hooks: { ...all, startContainer: [{ path: "/bin/true" }] } });
      expect(machine.read("log").trim().split("\n").sort()).toEqual(outside.sort());
    });
  });

  testOurs(
    "each mount option, namespace, capability and part of seccomp is recognized (M153, M155, M156, M157, M158, M159, M160, M161)",
    async () => {
      await withBundle(async (machine) => {
        const { mountOptions, linux } = await featuresOf(machine);
        machine.file("data/file", "");
        const source = machine.path("data");
        // The maps are those of a container, which has none here; and what is changed has to be there.
        const plain = mountOptions.filter((option) => !["idmap", "ridmap", "remount", "tmpcopyup"].includes(option));
        const mounts = [
          ...(plainConfig.mounts as Json[]),
          ...plain.map((option) => ({ destination: `/m/${option}`, source, options: ["rbind", option] })),
          { destination: "/m/full", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] },
          { destination: "/m/full", type: "tmpfs", source: "tmpfs", options: ["remount"] },
        ];
        const mapping = [{ containerID: 0, hostID: 0, size: 65536 }];
        const { actions, operators, archs, knownFlags, supportedFlags } = linux.seccomp;
        expect(knownFlags).toEqual(expect.arrayContaining(supportedFlags));
        const seccomp = {
          defaultAction: "SCMP_ACT_ALLOW",
          architectures: archs,
          // The kernel takes this one for a listener alone.
          flags: supportedFlags.filter((flag) => flag !== "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
          syscalls: [
            ...actions.filter(isOfNobody).map((action) => ({
              names: ["lookup_dcookie"],
              action,
              args: [{ index: 0, value: actions.indexOf(action), op: "SCMP_CMP_EQ" }],
            })),
            ...operators.map((op, index) => ({
              names: ["kexec_load"],
              action: "SCMP_ACT_ERRNO",
              args: [{ index: 0, value: index, valueTwo: 1, op }],
            })),
          ],
        };
        const sets = Object.fromEntries(["bounding", "effective", "permitted"].map((set) => [set, linux.capabilities]));
        const { code, stderr } = await machine.runBundle({
          mounts,
          process: { capabilities: sets },
          linux: { seccomp },
        });
        const warnings = stderr
          .split("\n")
          .filter((line) => !/has no effect on a bind mount|CAP_[A-Z_]+|^$/.test(line));
        expect([code, warnings]).toEqual([0, []]);
        const namespaces = linux.namespaces.map((type) => ({ type }));
        expect(
          await machine.sh("echo all", { linux: { namespaces, uidMappings: mapping, gidMappings: mapping } }),
        ).toBe("all");
      });
    },
  );
});
