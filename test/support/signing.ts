/** Signatures beside images, as `cosign sign --key` leaves them. */

import { type KeyObject, sign } from "node:crypto";
import { manifestType, type TestRegistry } from "./registry.ts";

/** @param critical takes the place of what a signature for that image says */
export function signBeside(
  registry: TestRegistry,
  repository: string,
  digest: string,
  key: KeyObject,
  critical: object = {},
): void {
  const text = JSON.stringify({
    critical: {
      identity: { "docker-reference": `${registry.host}/${repository}` },
      image: { "docker-manifest-digest": digest },
      type: "cosign container image signature",
      ...critical,
    },
    optional: null,
  });
  const signature = sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", Buffer.from(text), key);
  const layer = {
    mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
    ...registry.addBlob(text),
    annotations: { "dev.cosignproject.cosign/signature": signature.toString("base64") },
  };
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", ...registry.addBlob("{}") };
  const manifest = { schemaVersion: 2, mediaType: manifestType, config, layers: [layer] };
  registry.addManifest(repository, `${digest.replace(":", "-")}.sig`, manifest);
}
