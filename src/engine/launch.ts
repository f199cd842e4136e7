/**
 * Starting a container that is to outlive this command: a monitor of its own looks after it, another process of this
 * program, which this command starts, and to which others attach later.
 */

import { randomHex, wait } from "../linux/clone.ts";
import { close, O_RDWR, open } from "../linux/file.ts";
import { socketpair } from "../linux/poll.ts";
import { stringVector } from "../linux/process.ts";
import { posixSpawn } from "../linux/spawn.ts";
import type { Paths } from "../paths.ts";
import { sharedNetworkWord, surelyOwnNetwork } from "../plan/clone.ts";
import { hasOwnNetwork } from "../plan/network-options.ts";
import { receiveFrame } from "../runtime/channel.ts";
import { type Attachment, environment, giveOrder } from "./order.ts";
import { planStart } from "./plan.ts";
import type { Container } from "./record.ts";

/**
 * Starts a container that was created. What goes wrong after the planning the monitor prints for itself.
 * @returns the socket to the monitor, for `attachTo`, once the program runs; or the exit code of a start that failed.
 */
export function launch(
  paths: Paths,
  { record, state }: Pick<Container, "record" | "state">,
  how: Attachment,
  warn: (text: string) => void,
): { socket: number } | { failed: number } {
  const birth = randomHex(32);
  const words = ["tinydocker", "monitor", record.id, birth];
  // What its init is born with is said on its command line.
  if (!hasOwnNetwork(record.options.network)) words.push(sharedNetworkWord);
  const [ours, theirs] = socketpair();
  const nowhere = open("/dev/null", O_RDWR);
  const fds = [nowhere, nowhere, 2, theirs];
  // A session of its own: no signal of our terminal reaches it. It makes an init while we plan.
  const pid = posixSpawn("/proc/self/exe", stringVector(words), stringVector(environment(paths)), {
    fds,
    session: true,
  });
  close(theirs);
  close(nowhere);
  try {
    const network = surelyOwnNetwork(words);
    const kind = { fresh: false, monitored: true, first: state.started === undefined };
    const { plan } = planStart(paths, record, { id: birth, network }, kind, warn);
    plan.warnings.forEach(warn);
    const health = planHealthOf(record);
    giveOrder(ours, {
      root: paths.root,
      record,
      state,
      plan: { ...plan, warnings: [] },
      how,
      ...(health && { health }),
    });
    const frame = receiveFrame(ours);
    if (frame && "said" in frame && frame.said.type === "started") return { socket: ours };
  } catch (error) {
    close(ours);
    throw error;
  }
  close(ours);
  const { exit } = wait({ pid })!;
  return { failed: exit.code || 125 };
}

/** What plans it is loaded for those who may have one. */
function planHealthOf({ settings: { health }, defaults }: Container["record"]) {
  if (!health && !defaults.Healthcheck) return undefined;
  const { planHealth } = require("../plan/health.ts") as typeof import("../plan/health.ts");
  return planHealth(health ?? {}, defaults);
}
