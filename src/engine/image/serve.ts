/** Serving the store as a registry, until a signal ends it. */

import { type Registry, type ServeOptions, serveRegistry } from "../../image/serve/server.ts";
import type { Paths } from "../../paths.ts";
import { recordEvent } from "../record/events.ts";
import { imageUser } from "./users.ts";

export type { ServeOptions } from "../../image/serve/server.ts";

/** What is being sent when the signal comes may end within this time. */
const patienceMs = 10_000;

/** @param onListening is told the address that it listens on. Resolves after SIGTERM, SIGINT or SIGHUP; a second one ends it at once. */
export async function serve(
  paths: Paths,
  options: Omit<ServeOptions, "inUse" | "onEvent">,
  onListening: (address: string) => void,
): Promise<void> {
  const registry = serveRegistry(paths, {
    ...options,
    inUse: imageUser(paths),
    onEvent: ({ action, id, name }) => recordEvent(paths, { type: "image", action, id, attributes: { name } }),
  });
  onListening(registry.address);
  await signalled();
  await Promise.race([registry.close(patienceMs), signalled().then(() => endNow(registry))]);
}

const endNow = (registry: Registry): Promise<void> => registry.close(0);

const signalled = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
