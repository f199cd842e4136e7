import { expect, test } from "bun:test";
import { claimKind } from "../../src/engine/record/lock-file.ts";
import { leftoversSchema } from "../../src/plan/leftovers.ts";
import { formatRecord } from "../../src/schema.ts";

test("lock files are written in the version that is read", () => {
  const leftovers = { id: "a", directory: "/d", keep: true, outlives: false };
  expect(JSON.parse(formatRecord(claimKind, leftovers)).schema).toBe(leftoversSchema);
});
