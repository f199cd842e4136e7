import { expect, test } from "bun:test";
import { lockFileKind } from "../../../src/engine/record/lock-file.ts";
import { cleanupSchema } from "../../../src/plan/cleanup-record.ts";
import { formatRecord } from "../../../src/schema.ts";

test("lock files are written in the version that is read", () => {
  const cleanup = { id: "a", directory: "/d", keep: true, outlives: false };
  expect(JSON.parse(formatRecord(lockFileKind, cleanup)).schema).toBe(cleanupSchema);
});
