/** The plan of a run that is not going to happen: the same plan, from an image that need not be loaded. */

import { UnsupportedError, UsageError } from "../../errors.ts";
import { peekImages } from "../../image/peek.ts";
import { randomHex } from "../../linux/clone.ts";
import type { Paths } from "../../paths.ts";
import type { Plan } from "../../plan/step.ts";
import { kindsOf } from "../../runtime/stdio.ts";
import { inUserNamespace, newRecord } from "../container/create.ts";
import { isStderrApart } from "../container/detached.ts";
import { monitoredStdio, planStart } from "../container/plan.ts";
import type { Reporter, RunImage, RunRequest } from "../container/request.ts";
import { hasHealthCheck, needsMonitor } from "../container/run.ts";
import { asRunImage, directoryAsRunImage, requirePlatform } from "../container/run-image.ts";
import { resolveImage } from "../image/resolve.ts";
import { previewNetwork } from "../network/prepare.ts";

/** Plans a run without touching anything; an archive that is not loaded is only looked into. */
export async function explainRun(paths: Paths, request: RunRequest, warn: Reporter["warn"]): Promise<Plan> {
  const { source, settings } = request;
  if (settings.runtime)
    throw new UnsupportedError(
      `explain is not supported under --runtime ${settings.runtime.name}: only what our own runtime does is known`,
      "--runtime tinydocker",
    );
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

const planRun = (
  paths: Paths,
  request: RunRequest,
  image: RunImage | { rootfs: string },
  id: string,
  warn: Reporter["warn"],
) => {
  const record = inUserNamespace(paths, newRecord(paths, id, request, image), request, { take: false });
  const monitored = needsMonitor(request) || hasHealthCheck(request, image);
  const stdio = monitored
    ? monitoredStdio(record, { stderrApart: isStderrApart(record, request) })
    : kindsOf(request.stdio);
  return planStart(paths, record, id, { fresh: true, monitored, stdio }, warn, previewNetwork(paths, record, warn))
    .plan;
};
