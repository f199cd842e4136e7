/** The lock between those who put containers into networks, any number at once, and those who take networks away. */

import { close, type Fd, O_CREAT, O_RDWR, open, openIfAny, owned } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { mkdirAll } from "../../linux/names.ts";
import type { Paths } from "../../paths.ts";

/** Waits until nobody is in the way. Take it before any other lock of networks. @returns how to release it; a second time does no harm. */
export function lockNetworks(paths: Paths, what: "use" | "remove"): () => void {
  const path = `${paths.networks}/.lock`;
  using lock = owned(openIfAny(path, O_RDWR) ?? makeLock(paths, path));
  flock(lock.fd, { shared: what === "use", wait: true });
  let held: Fd | undefined = lock.handOff();
  return () => {
    if (held !== undefined) close(held);
    held = undefined;
  };
}

function makeLock(paths: Paths, path: string): Fd {
  mkdirAll(paths.networks);
  return open(path, O_RDWR | O_CREAT, 0o600);
}

/** Does something while no container is being put into a network. */
export function aloneWithNetworks<Result>(paths: Paths, use: () => Result): Result {
  const done = lockNetworks(paths, "remove");
  try {
    return use();
  } finally {
    done();
  }
}
