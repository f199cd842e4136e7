/** Clients of a container that nobody is attached to: what serves them is loaded with the first that comes. */

import type { Fd } from "../linux/file.ts";
import type { Clients, Controls } from "./clients.ts";

/** What serves those who are attached. */
export const loadClients = () => require("./clients.ts") as typeof import("./clients.ts");

/** @param listener a socket where some may come. */
export function clientsLater(listener: Fd, controls: Controls): Clients {
  let clients: Clients | undefined;
  // It stays ready, so the next look at it lets the first one in.
  const onReady = () => (clients = loadClients().clientsOf(listener, undefined, controls));
  return {
    watches: () => clients?.watches() ?? [{ fd: listener, onReady }],
    timers: () => clients?.timers() ?? [],
    show: (stream, bytes) => clients?.show(stream, bytes),
    held: () => clients?.held() ?? false,
    sendToLauncher: (message) => clients?.sendToLauncher(message),
    release: () => clients?.release(),
    end: (exit) => clients?.end(exit),
  };
}
