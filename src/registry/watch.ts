/** A look at a connection: whoever sends nothing for too long is given up, which `fetch` alone does after minutes. */

export interface Watch {
  /** Aborts what is watched. */
  signal: AbortSignal;
  /** Something came or went: from now on `ms` may pass, at first and without a number `stallMs`. */
  alive(ms?: number): void;
  /** It is our turn, for however long. */
  pause(): void;
  /** It is over. */
  end(): void;
}

/** @param stalled the failure that ends it. @param outer of whoever does not want it any more, with the reason. */
export function watch(stallMs: number, stalled: () => Error, outer?: AbortSignal): Watch {
  const controller = new AbortController();
  const abort = () => controller.abort(outer?.reason);
  if (outer?.aborted) abort();
  else outer?.addEventListener("abort", abort, { once: true });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pause = () => clearTimeout(timer);
  const alive = (ms = stallMs) => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(stalled()), ms);
  };
  const end = () => {
    pause();
    outer?.removeEventListener("abort", abort);
  };
  alive();
  return { signal: controller.signal, alive, pause, end };
}
