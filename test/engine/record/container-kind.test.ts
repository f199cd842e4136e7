/** What records of older versions meant, said in today's words. */

import { expect, test } from "bun:test";
import { containerKind } from "../../../src/engine/record/container-kind.ts";
import { parseRecord } from "../../../src/schema.ts";

const network = {
  mode: "bridge",
  networks: [],
  publish: [],
  publishAll: false,
  expose: [],
  dns: {},
  hosts: [],
};
const first = (options: object) => ({
  id: "a".repeat(64),
  name: "web",
  created: "2026-01-02T03:04:05.678Z",
  image: "busybox",
  lower: [],
  rootMode: 0o755,
  defaults: {},
  options: {
    ...{ command: [], mounts: [], env: [], network, terminal: false, readOnly: false, privileged: false },
    ...{ capAdd: [], capDrop: [], ...options },
  },
  settings: {
    ...{ remove: false, init: false, interactive: false, restart: { name: "no", maximumRetries: 0 } },
    ...{ log: { driver: "local", maxBytes: 100, maxFiles: 2 }, labels: {} },
  },
});
const read = (options: object) => {
  const { value, damage } = parseRecord(containerKind, JSON.stringify(first(options)), "container.json");
  expect(damage).toBeUndefined();
  return value!.options;
};

test("a container of schema 1 keeps the limits and the host name that nobody said anything of", () => {
  const assumed = { cpus: 1, memoryBytes: 512 << 20, memorySwapBytes: 512 << 20, pidsLimit: 2048 };
  expect(read({})).toMatchObject({ hostname: "container", assumed });
  expect(read({ hostname: "box", memoryBytes: 0 })).toMatchObject({ hostname: "box", memoryBytes: 0, assumed });
  expect(read({ network: { ...network, mode: "host" } }).hostname).toBeUndefined();
});

test("a container of schema 1 with a limit of memory has no swap, as then", () => {
  expect(read({ memoryBytes: 64 << 20 }).resources).toEqual({ memorySwapBytes: 64 << 20 });
  for (const none of [{}, { memoryBytes: 0 }]) expect(read(none).resources).toBeUndefined();
});
