/** Pulling images of registries, by name. A signal undoes what was begun, but for parts that the next pull goes on with. */

import { UsageError } from "../../errors.ts";
import { formatReference, fullName, parseNewReference } from "../../image/reference.ts";
import { pullImage } from "../../image/registry/pull.ts";
import type { OnLayer, Pulled, Wanted } from "../../image/registry/request.ts";
import type { Resolved } from "../../image/registry/resolve.ts";
import type { Platform } from "../../oci/manifest.ts";
import type { Paths } from "../../paths.ts";
import { openRepository, type Repository } from "../../registry/client.ts";
import { refuseByPolicy, requireSigned } from "../../registry/signatures.ts";
import { recordEvent } from "../record/events.ts";
import { interruptible } from "./interruptible.ts";
import { registrySettings, resolveShortName } from "./registries.ts";

export interface PullRequest {
  /** As users write it: `busybox`, `registry.example/app:2`, `app@sha256:...`. */
  image: string;
  /** Every tag of it. */
  allTags?: boolean;
  platform?: Partial<Platform> | undefined;
  verifyTls?: boolean | undefined;
}

/** How a pull speaks to the user. */
export interface PullReport {
  /** One begins. @param reference its tag or digest. @param path the repository's, without the host */
  begin(reference: string, path: string): void;
  layer: OnLayer;
  /** It ended well. */
  end(pulled: Pulled): void;
  /** What is waited for, and which mirror is passed by. */
  notice(text: string): void;
}

export interface PullResult {
  /** Canonical, without tag and digest. */
  repository: string;
  /** What was asked for; without a tag if that is all. */
  reference: string;
  pulled: Pulled[];
}

/** Pulls an image, or all tags of a repository. A signal, which has to be blocked (main.ts), ends it. */
export async function pull(paths: Paths, request: PullRequest, report: PullReport): Promise<PullResult> {
  const { image, allTags = false, platform, verifyTls } = request;
  const { name, tag, digest } = parseNewReference(resolveShortName(image));
  if (allTags && (digest || /:[^/]*$/.test(image)))
    throw new UsageError("tag can't be used with --all-tags/-a", "give the name alone");
  const settings = registrySettings({ verifyTls, notice: report.notice });
  const repository = openRepository(fullName(name), settings, "pull");
  return await interruptible(async (signal) => {
    const each = allTags ? await tagsOf(repository, signal) : [tag];
    const pulled: Pulled[] = [];
    for (const one of each) {
      const wanted: Wanted = { name, tag: one, digest };
      report.begin(digest ? `${fullName(name)}@${digest}` : one!, repository.path);
      const asked = { repository: fullName(name), tag: one, digest };
      refuseByPolicy(settings.policy, asked);
      const check = ({ digest: top, manifest }: Resolved) =>
        requireSigned(repository, settings.policy, asked, [top, manifest.digest]);
      const result = await pullImage(paths, repository, wanted, { signal, platform, onLayer: report.layer, check });
      const reference = formatReference(digest ? { name, digest } : { name, tag: one! });
      recordEvent(paths, { type: "image", action: "pull", id: reference, attributes: { name } });
      report.end(result);
      pulled.push(result);
    }
    const reference = allTags ? name : formatReference(digest ? { name, digest } : { name, tag: tag! });
    return { repository: name, reference, pulled };
  });
}

async function tagsOf(repository: Repository, signal: AbortSignal): Promise<string[]> {
  const tags: string[] = [];
  for await (const tag of repository.tags()) {
    signal.throwIfAborted();
    tags.push(tag);
  }
  return tags;
}
