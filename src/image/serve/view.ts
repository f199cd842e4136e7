/**
 * The store as repositories. A name of an image is a tag of a repository: `quay.io/org/app:1` is `1` of `quay.io/org/app`. Beside
 * images there is what was pushed and is none for this machine (image/repository/), under tags and digests of the same names.
 */

import { readdir } from "../../linux/directory.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { imageNamed } from "../named.ts";
import { isRepository, listRepositories, listTags, readTag, type TagRecord } from "../repository/records.ts";
import { Problem } from "./problem.ts";
import { checkName, type Repository, referenceIn } from "./route.ts";

/** @throws Problem NAME_UNKNOWN */
export function requireRepository(paths: Paths, { asked, name }: Repository): void {
  if (isRepository(paths, name) || namesIn(paths, name).length > 0) return;
  throw new Problem("NAME_UNKNOWN", "repository name not known to registry", { details: [{ name: asked }] });
}

/** What follows the name of a repository in the names of images: `:1`, `@sha256:...`. */
const namesIn = (paths: Paths, name: string): string[] => {
  const prefix = encodeURIComponent(name);
  return (readdir(paths.refs) ?? []).flatMap((file) => {
    const rest = file.startsWith(prefix) ? decodeURIComponent(file.slice(prefix.length)) : "";
    return /^[:@]/.test(rest) ? [rest] : [];
  });
};

/** What a tag names: the image, where the name is one here; or else what was pushed, which is no image of this machine. */
export function findTag(
  paths: Paths,
  repository: Repository,
  tag: string,
): { image: Digest; record?: TagRecord } | { image?: undefined; record: TagRecord } | undefined {
  const image = imageNamed(paths, referenceIn(repository, { tag }));
  const record = readTag(paths, repository.name, tag);
  if (image !== undefined) return { image, ...(record?.image === image && { record }) };
  return record && record.image === undefined ? { record } : undefined;
}

/** Tags of a repository, in no order. */
export function tagsIn(paths: Paths, repository: Repository): string[] {
  const { name } = repository;
  const ofImages = namesIn(paths, name).flatMap((rest) =>
    rest.startsWith(":") && !rest.includes("@") ? [rest.slice(1)] : [],
  );
  const others = listTags(paths, name).filter((tag) => readTag(paths, name, tag)?.image === undefined);
  return [...new Set([...ofImages, ...others])];
}

/** Images that have a name in a repository. */
export function imagesIn(paths: Paths, { name }: Repository): Digest[] {
  const ids = namesIn(paths, name).flatMap((rest) => imageNamed(paths, name + rest) ?? []);
  return [...new Set(ids)];
}

/** Canonical names of all repositories that clients can ask for: a host with a port or in capitals is no part of such a name. */
export function repositories(paths: Paths): string[] {
  const ofImages = (readdir(paths.refs) ?? []).map((file) =>
    decodeURIComponent(file)
      .replace(/@.*$/, "")
      .replace(/:[^/:]*$/, ""),
  );
  return [...new Set([...ofImages, ...listRepositories(paths)])].filter(canBeAsked);
}

function canBeAsked(name: string): boolean {
  try {
    return checkName(name).name === name;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}
