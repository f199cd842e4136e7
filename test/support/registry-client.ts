/** A client of the registries of tests: one that loses no time, and what it got or said. */

import type { Digest } from "../../src/oci/digest.ts";
import { openRepository } from "../../src/registry/client.ts";
import type { RegistrySettings } from "../../src/registry/settings.ts";
import { serveRegistry, type TestRegistry } from "./registry.ts";

export const quick = { tries: 3, stallMs: 10_000, commitMs: 10_000, firstWaitMs: 1, maxWaitMs: 5_000 };

export const settings = (more: Partial<RegistrySettings> = {}): RegistrySettings => ({
  registries: {},
  insecureRanges: [],
  verifyTls: true,
  credentials: async () => undefined,
  certificateDirectories: [],
  environment: {},
  patience: quick,
  ...more,
});

export const open = (host: string, more: Partial<RegistrySettings> = {}, scope: "pull" | "pull,push" = "pull") =>
  openRepository(`${host}/team/app`, settings(more), scope);

export async function read(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** What is said of a failure. */
export async function failure(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it went well");
}

export const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 251));

export function withBlob(): { registry: TestRegistry; blob: { digest: Digest; size: number } } {
  const registry = serveRegistry();
  return { registry, blob: registry.addBlob(content) as { digest: Digest; size: number } };
}
