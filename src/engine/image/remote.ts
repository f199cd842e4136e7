/** Images that are not here, as their registry has them. */

import { NotFoundError } from "../../errors.ts";
import { formatReference, fullName, parseReference } from "../../image/reference.ts";
import { openRepository } from "../../registry/client.ts";
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
