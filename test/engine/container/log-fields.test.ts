/** What is said of a container beside each line of its log. */

import { expect, test } from "bun:test";
import { attributesOf, logOptionsOf, unknownInTag } from "../../../src/engine/container/log-fields.ts";
import type { ContainerRecord, LogSettings } from "../../../src/engine/record/container.ts";
import { noOptions } from "../../../src/plan/options.ts";

const recordWith = (log: Partial<LogSettings>, labels: Record<string, string> = {}): ContainerRecord => ({
  id: "0123456789abcdef".repeat(4),
  name: "web",
  created: "2026-01-02T03:04:05Z",
  image: "shop/web:1",
  imageId: `sha256:${"f".repeat(64)}`,
  lower: [],
  rootMode: 0o755,
  defaults: { Labels: { stage: "image", own: "image" } },
  options: { ...noOptions, env: ["A=1", "B=x=y"] },
  settings: {
    remove: false,
    init: false,
    interactive: false,
    restart: { name: "no", maximumRetries: 0 },
    log: { driver: "local", maxBytes: 1, maxFiles: 1, ...log },
    labels,
  },
});

test("labels and variables that were chosen are there, and what there is not is not", () => {
  const fields = { labels: ["stage", "own", "constructor", "none"], env: ["B", "C"] };
  expect(attributesOf(recordWith({ fields }, { stage: "user" }))).toEqual({ stage: "user", own: "image", B: "x=y" });
});
test("a tag is a template of Docker's fields, and of no others", () => {
  const tag = "{{.Name}}/{{ .ID }}/{{.ImageName}}/{{.ImageID}}";
  expect(attributesOf(recordWith({ fields: { tag } }))).toEqual({ tag: "web/0123456789ab/shop/web:1/ffffffffffff" });
  expect(unknownInTag(tag)).toBeUndefined();
  expect(unknownInTag("{{.Name}} {{.Nothing}}")).toBe("Nothing");
  expect(unknownInTag("{{.constructor}}")).toBe("constructor");
  expect(unknownInTag("{{upper .Name}}")).toBe("{{upper .Name}}");
});
test("the host's log knows a container by its short id where nothing else was said", () => {
  expect(logOptionsOf(recordWith({ driver: "syslog" })).forward).toMatchObject({
    tag: "0123456789ab",
    facility: "daemon",
  });
  expect(logOptionsOf(recordWith({}))).toEqual({ driver: "local", maxBytes: 1, maxFiles: 1 });
});
