/** The plan of a run that is not going to happen: the same plan, from an image that need not be loaded. */

import { UsageError } from "../../errors.ts";
import { peekImages } from "../../image/peek.ts";
import { randomHex } from "../../linux/clone.ts";
import type { Paths } from "../../paths.ts";
import type { Plan } from "../../plan/step.ts";
import { asRunImage, directoryAsRunImage, requirePlatform } from "../container/create.ts";
import type { Reporter, RunImage, RunRequest } from "../container/request.ts";
import { planRun } from "../container/run.ts";
import { resolveImage } from "../image/resolve.ts";

/** Plans a run without touching anything; an archive that is not loaded is only looked into. */
export async function explainRun(paths: Paths, request: RunRequest, warn: Reporter["warn"]): Promise<Plan> {
  const { source } = request;
  const image = "rootfs" in source ? source : await findRunImage(paths, source.image, request);
  return planRun(paths, request, image, randomHex(32), warn);
}

async function findRunImage(paths: Paths, word: string, { platform }: Pick<RunRequest, "platform">): Promise<RunImage> {
  const found = resolveImage(paths, word, process.cwd(), process.geteuid?.() === 0);
  if (found.kind === "directory") return directoryAsRunImage(word, found.path, platform);
  if (found.kind === "image") return asRunImage(word, found.image, platform);
  const [first] = await peekImages(found.path);
  if (!first) throw new UsageError(`there is no image in ${word}`);
  requirePlatform(word, platform, first.config);
  // Where loading would put them; which short names they would get is known only then.
  const lower = Array.from({ length: first.layerCount }, (_, index) => `${paths.links}/LAYER${index + 1}`);
  return { name: word, defaults: first.config.config, lower, rootMode: 0o755 };
}
