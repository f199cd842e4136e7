/** What a container has that nobody said anything about. */

import type { LogSettings, Settings } from "../../engine/record/container.ts";

/** Bounded: Docker's default fills the disk. */
export const defaultLog: LogSettings = { driver: "local", maxBytes: 10 << 20, maxFiles: 3 };

export const defaultSettings: Settings = {
  remove: false,
  init: false,
  interactive: false,
  restart: { name: "no", maximumRetries: 0 },
  log: defaultLog,
  labels: {},
};

/** ctrl-p, ctrl-q. */
export const defaultDetachKeys = Uint8Array.of(16, 17);
