/** Files of tests beside each other: a `bun test` for each, in a lane more than the machine has processors, as tests wait, too. */

import { copyFileSync, mkdirSync, rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Outcome, outcome, together } from "./outcome.ts";

const repository = join(import.meta.dir, "../..");
const most = 4;

/**
 * Runs files of tests, the long ones first; what one prints comes in one piece. Each lane has a binary of its own, by which tests
 * know their processes from those of other lanes.
 * @param busy while it lasts it takes a processor: that lane begins when it is over
 */
export async function bunTestInLanes(files: string[], timeoutMs: string, busy: Promise<unknown>): Promise<Outcome> {
  const queue = files.toSorted((one, other) => size(other) - size(one));
  const outcomes: Outcome[] = [];
  const lanes = join(repository, "dist/lanes");
  rmSync(lanes, { recursive: true, force: true });
  const lane = async (number: number): Promise<void> => {
    if (number > 0 && number === count - 1) await busy;
    if (queue.length === 0) return;
    const directory = join(lanes, String(number));
    mkdirSync(directory, { recursive: true });
    const binary = join(directory, "tinydocker");
    copyFileSync(join(repository, "dist/tinydocker"), binary);
    for (let file = queue.shift(); file !== undefined; file = queue.shift())
      outcomes.push(await bunTestFile(file, timeoutMs, binary));
  };
  const count = Math.min(availableParallelism() + 1, most);
  await Promise.all(Array.from({ length: count }, (_, number) => lane(number)));
  rmSync(lanes, { recursive: true, force: true });
  return together(outcomes);
}

const size = (file: string): number => statSync(join(repository, file)).size;

async function bunTestFile(file: string, timeoutMs: string, binary: string): Promise<Outcome> {
  const child = Bun.spawn([process.execPath, "test", "--timeout", timeoutMs, `./${file}`], {
    cwd: repository,
    env: { ...process.env, TEST_BINARY: binary },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pieces: Uint8Array[] = [];
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const chunk of stream) pieces.push(chunk);
  };
  const [status] = await Promise.all([child.exited, collect(child.stdout), collect(child.stderr)]);
  const report = Buffer.concat(pieces);
  process.stdout.write(report);
  return outcome(status, report.toString());
}
