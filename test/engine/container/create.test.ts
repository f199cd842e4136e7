import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createContainer } from "../../../src/engine/container/create.ts";
import { prepareRoot } from "../../../src/engine/container/recover.ts";
import type { ContainerRecord } from "../../../src/engine/record/container.ts";
import { ConflictError } from "../../../src/errors.ts";
import { pathsOf } from "../../../src/paths.ts";
import { noOptions } from "../../../src/plan/options.ts";
import { needing, root } from "../../support/needs.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const test = needing(root);

test("a chosen name that somebody took meanwhile is chosen again; one that was asked for is refused", () => {
  const directory = temporaryDirectory();
  const paths = pathsOf(`${directory}/root`);
  prepareRoot(paths);
  mkdirSync(`${directory}/image`);
  writeFileSync(`${paths.names}/kind_lovelace`, "f".repeat(64));
  mkdirSync(`${paths.containers}/${"f".repeat(64)}`);
  const record: ContainerRecord = {
    id: "a".repeat(64),
    name: "kind_lovelace",
    created: new Date(0).toISOString(),
    image: `${directory}/image`,
    rootfs: `${directory}/image`,
    lower: [],
    rootMode: 0o755,
    defaults: {},
    options: { ...noOptions, command: ["true"] },
    settings: {
      remove: false,
      init: false,
      interactive: false,
      restart: { name: "no", maximumRetries: 0 },
      log: { driver: "local", maxBytes: 100, maxFiles: 2 },
      labels: {},
    },
  };
  const store = { take: () => {}, release: () => {} };
  expect(() => createContainer(paths, record, { name: "kind_lovelace" }, store, () => {})).toThrow(ConflictError);
  expect(existsSync(`${paths.containers}/${record.id}`)).toBe(false);
  const made = createContainer(paths, record, {}, store, () => {});
  expect(made.name).not.toBe("kind_lovelace");
  expect(readFileSync(`${paths.names}/${made.name}`, "utf8")).toBe(record.id);
  expect(JSON.parse(readFileSync(`${paths.containers}/${record.id}/container.json`, "utf8")).name).toBe(made.name);
});
