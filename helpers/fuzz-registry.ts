/** Answers of registries that make no sense: `bun helpers/fuzz-registry.ts [ROUNDS] [SEED]` has ten thousand of them. */

import { fuzzReplies } from "../test/support/fuzzed-replies.ts";

const [rounds = 10_000, seed = Date.now() % 1e9] = process.argv.slice(2).map(Number);
const failures = await fuzzReplies(rounds, seed);
console.log(`${rounds} answers, seed ${seed}: ${failures} failures in words, and nothing else`);
process.exit(0);
