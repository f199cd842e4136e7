/**
 * Work that waits in the event loop, ended by a signal. While the loop waits it takes signals although they are blocked
 * (epoll_pwait2(2) with an empty mask), so that each needs a handler meanwhile.
 */

import { InterruptedError } from "../../errors.ts";
import { hasSignal } from "../../linux/procfs.ts";
import { signals } from "../../linux/signal.ts";

const interrupts = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP"] as const;

/** @param work is to end soon after its signal is aborted, whose reason is an InterruptedError */
export async function interruptible<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  // What whoever started us has us ignore, as nohup(1) does, stays so.
  const handlers = interrupts
    .filter((name) => !hasSignal(process.pid, signals[name], ["Ign"]))
    .map((name) => {
      const handler = () => controller.abort(new InterruptedError("interrupted", signals[name]));
      process.on(name, handler);
      return () => process.off(name, handler);
    });
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } finally {
    for (const remove of handlers) remove();
  }
}
