/** The operand that names a registry. */

import { UsageError } from "../../errors.ts";
import { isHost } from "../../image/reference.ts";

/** Docker Hub has had several names; of others a scheme is left out, as Docker does. */
export function parseRegistry(text: string | undefined): string {
  const host = (text ?? "docker.io").replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (["docker.io", "index.docker.io", "registry-1.docker.io", "hub.docker.com"].includes(host)) return "docker.io";
  if (isHost(host)) return host;
  throw new UsageError(
    `${JSON.stringify(text)} is not a registry`,
    "a host as in names of images: registry.example:5000",
  );
}
