/** Options and operands that commands about registries share. */

import { UsageError } from "../../errors.ts";
import { isHost } from "../../image/reference.ts";
import type { Arguments } from "../words/command.ts";

export const tlsArgs = {
  "tls-verify": {
    type: "boolean",
    default: true,
    description: "Check the registry's certificate; =false also allows plain http (default true)",
  },
} as const satisfies Arguments;

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
