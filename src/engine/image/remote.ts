/** Images that are not here, as their registry has them. */

import { InvalidError, NotFoundError } from "../../errors.ts";
import { formatReference, fullName, parseReference } from "../../image/reference.ts";
import { resolveManifest } from "../../image/registry/resolve.ts";
import type { Image } from "../../image/store.ts";
import { digestOf } from "../../oci/digest.ts";
import { parseImageConfig } from "../../oci/image.ts";
import { maxJsonBytes } from "../../oci/json.ts";
import type { Descriptor, Platform } from "../../oci/manifest.ts";
import { openRepository, type Repository } from "../../registry/client.ts";
import { type RegistryOptions, registrySettings, resolveShortName } from "./registries.ts";

/** @param name as users write it. @throws NotFoundError where the registry has no such manifest */
export async function remoteManifest(name: string, options: RegistryOptions) {
  const reference = parseReference(resolveShortName(name));
  const repository = openRepository(fullName(reference.name), registrySettings(options), "pull");
  const found = await repository.manifest(reference.digest ?? reference.tag ?? "latest");
  if (!found)
    throw new NotFoundError(
      `${repository.host} has no manifest ${formatReference(reference)}`,
      "or it is hidden from us",
    );
  return found;
}

/**
 * An image as its registry has it, by its manifest and its configuration; no layer is asked for. Its size is that of the layers as
 * they would come, and it has no directories.
 * @param platform which of several; without it the one for this machine
 */
export async function remoteImage(
  name: string,
  platform: Partial<Platform> | undefined,
  options: RegistryOptions,
): Promise<Image> {
  const { name: repositoryName, tag, digest } = parseReference(resolveShortName(name));
  const repository = openRepository(fullName(repositoryName), registrySettings(options), "pull");
  const { signal } = new AbortController();
  const found = await resolveManifest(repository, digest ?? tag ?? "latest", name, platform, signal);
  const { config: described, layers } = found.manifest.content;
  const config = parseImageConfig(await readConfig(repository, described), `the configuration of ${name}`);
  const tagged = digest === undefined ? [formatReference({ name: repositoryName, tag: tag ?? "latest" })] : [];
  return {
    id: described.digest,
    references: [...tagged, formatReference({ name: repositoryName, digest: found.digest })],
    config,
    layers: [],
    sizeBytes: layers.reduce((sum, { size }) => sum + size, 0),
    created: config.created ?? "1970-01-01T00:00:00Z",
  };
}

async function readConfig(repository: Repository, descriptor: Descriptor): Promise<Uint8Array> {
  if (descriptor.size > maxJsonBytes)
    throw new InvalidError(`the configuration ${descriptor.digest} is larger than ${maxJsonBytes} bytes`);
  const pieces: Uint8Array[] = [];
  for await (const piece of repository.blob(descriptor)) pieces.push(piece);
  const content = new Uint8Array(Buffer.concat(pieces));
  if (digestOf(content) === descriptor.digest) return content;
  throw new InvalidError(`${repository.host} sends another configuration than ${descriptor.digest}`);
}
