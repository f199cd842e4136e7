import { expect, test } from "bun:test";
import { fuzzReplies } from "../support/fuzzed-replies.ts";

// `bun helpers/fuzz-registry.ts` has ten thousand.
test("whatever a registry answers, the client ends with what is right or with a failure in words", async () => {
  expect(await fuzzReplies(300, 12)).toBeGreaterThan(0);
}, 60_000);
