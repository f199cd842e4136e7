/** What has come of a file that is being downloaded, for whoever reads it meanwhile. */

import type { Growing } from "../compression.ts";

export interface Growth extends Growing {
  /** So many bytes are there now, from the first on. */
  arrive(bytes: number): void;
  /** No more will come. */
  fail(error: unknown): void;
}

export function createGrowth(): Growth {
  let waiting: { bytes: number; resolve(): void; reject(error: unknown): void }[] = [];
  let failure: { error: unknown } | undefined;
  const growth: Growth = {
    bytes: 0,
    until(bytes) {
      if (growth.bytes >= bytes) return Promise.resolve();
      if (failure) return Promise.reject(failure.error);
      return new Promise((resolve, reject) => waiting.push({ bytes, resolve, reject }));
    },
    arrive(bytes) {
      growth.bytes = bytes;
      if (waiting.length === 0) return;
      for (const { resolve } of waiting.filter((waiter) => waiter.bytes <= bytes)) resolve();
      waiting = waiting.filter((waiter) => waiter.bytes > bytes);
    },
    fail(error) {
      failure ??= { error };
      for (const { reject } of waiting) reject(error);
      waiting = [];
    },
  };
  return growth;
}
