/** A pull by the requests that it would make. */

import { fullName, parseNewReference } from "../../image/reference.ts";
import { hostArchitecture } from "../../oci/image.ts";
import { type PlannedEndpoint, plannedEndpoints } from "../../registry/explain.ts";
import { referenceOf } from "../../registry/policy.ts";
import { refuseByPolicy } from "../../registry/signatures.ts";
import { type RegistryOptions, registrySettings, resolveShortName } from "./registries.ts";

/** @param platform of --platform. @throws what the pull would throw before it asks anybody */
export function explainPull(
  image: string,
  platform: string | undefined,
  options: RegistryOptions,
): { reference: string; endpoints: PlannedEndpoint[] } {
  const { name, tag, digest } = parseNewReference(resolveShortName(image));
  const asked = { repository: fullName(name), tag, digest };
  const settings = registrySettings(options);
  refuseByPolicy(settings.policy, asked);
  const wanted = platform ?? `linux/${hostArchitecture}`;
  return { reference: referenceOf(asked), endpoints: plannedEndpoints(asked, wanted, settings) };
}
