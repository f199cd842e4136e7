/** Pushing images, and lists of several, to registries by name. */

import { ConflictError, NotFoundError, UsageError } from "../../errors.ts";
import { formatReference, fullName, parseNewReference, tagsOf } from "../../image/reference.ts";
import { findList } from "../../image/registry/lists.ts";
import type { LayerCompression } from "../../image/registry/making.ts";
import { type PushOptions, type PushResult, pushImage, pushIndex } from "../../image/registry/push.ts";
import { findImage, listImages } from "../../image/store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { openRepository, type Repository } from "../../registry/client.ts";
import { RegistryError } from "../../registry/failure.ts";
import { recordEvent } from "../record/events.ts";
import { registrySettings } from "./registries.ts";

export interface PushRequest {
  /** As users write it: the name says where to. */
  image: string;
  /** Another name to push it to. */
  target?: string | undefined;
  allTags?: boolean;
  compression?: LayerCompression | undefined;
  verifyTls?: boolean | undefined;
}

/** How a push speaks to the user. */
export interface PushReport {
  /** @param repository with its host. */
  begin(repository: string): void;
  layer: PushOptions["onLayer"];
  /** A tag is there. */
  end(tag: string, pushed: PushResult): void;
  notice(text: string): void;
}

/** @returns the full names that it has there. @throws NotFoundError, RegistryError */
export async function push(paths: Paths, request: PushRequest, report: PushReport): Promise<string[]> {
  const { image, target = image, allTags = false, compression, verifyTls } = request;
  const { name, tag = "latest", digest } = parseNewReference(target);
  if (digest) throw new UsageError(`cannot push a digest reference: ${target}`, "push a tag");
  if (allTags && /:[^/]*$/.test(target))
    throw new UsageError("tag can't be used with --all-tags/-a", "give the name alone");
  const wanted = allTags ? allOf(paths, name) : [{ tag, of: source(paths, image) }];
  const repository = openRepository(
    fullName(name),
    registrySettings({ verifyTls, notice: report.notice }),
    "pull,push",
  );
  report.begin(fullName(name));
  const done: string[] = [];
  for (const { tag: each, of } of wanted) {
    const pushed = await pushOne(paths, repository, name, each, of, { compression, onLayer: report.layer });
    recordEvent(paths, {
      type: "image",
      action: "push",
      id: formatReference({ name, tag: each }),
      attributes: { name },
    });
    report.end(each, pushed);
    done.push(fullName(formatReference({ name, tag: each })));
  }
  return done;
}

/** An image, or the manifest of what is none for this machine: a list of several, an image for another. */
type Source = { image: Digest } | { manifest: Digest };

function source(paths: Paths, text: string): Source {
  const list = isId(text) ? undefined : findList(paths, text);
  if (list) return { manifest: list };
  const image = findImage(paths, text);
  if (image) return { image: image.id };
  throw new NotFoundError(
    `an image does not exist locally with the tag: ${text}`,
    "tinydocker images lists the images there are",
  );
}

const isId = (text: string): boolean => /^(sha256:)?[0-9a-f]+$/.test(text);

function allOf(paths: Paths, name: string): { tag: string; of: Source }[] {
  const found = listImages(paths).flatMap((image) =>
    tagsOf(image)
      .filter((reference) => reference.startsWith(`${name}:`) && !reference.slice(name.length + 1).includes("/"))
      .map((reference) => ({ tag: reference.slice(name.length + 1), of: source(paths, reference) })),
  );
  if (found.length === 0)
    throw new NotFoundError(
      `an image does not exist locally with the name: ${name}`,
      "tinydocker images lists the images there are",
    );
  return found.sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

async function pushOne(
  paths: Paths,
  repository: Repository,
  name: string,
  tag: string,
  of: Source,
  options: PushOptions,
): Promise<PushResult> {
  try {
    if ("image" in of) return await pushImage(paths, repository, { id: of.image, name, tags: [tag] }, options);
    if (options.compression) throw new UsageError("--compression: a list of manifests is sent as it is");
    return await pushIndex(paths, repository, { digest: of.manifest, tags: [tag] }, options);
  } catch (error) {
    if (error instanceof RegistryError && (error.status === 409 || error.status === 405))
      throw new ConflictError(
        error.message,
        `${repository.host} does not let ${tag} be overwritten, or pushed at all: push another tag`,
      );
    throw error;
  }
}
