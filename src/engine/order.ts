/**
 * What a launcher tells the monitor that it has started: all that is to be done, planned already. A monitor lives as long as its
 * container, so it knows how to look after one, and nothing of how to plan it.
 */

import { close, readAll } from "../linux/file.ts";
import { receiveMessage, sendMessage } from "../linux/poll.ts";
import { memfd } from "../linux/process.ts";
import type { Paths } from "../paths.ts";
import type { HealthPlan } from "../plan/health.ts";
import { defaultPath } from "../plan/path.ts";
import type { Plan } from "../plan/step.ts";
import type { ContainerRecord, ContainerState } from "./record.ts";

export interface Order {
  /** The state root. */
  root: string;
  record: ContainerRecord;
  /** As it was before this start. */
  state: ContainerState;
  plan: Plan;
  health?: HealthPlan;
  how: Attachment;
}

/** Whether the launcher stays attached to what is started, and whether its stdin is the container's. */
export interface Attachment {
  attached: boolean;
  stdin: boolean;
  /** The container has a terminal, but its stderr is not to go there. */
  stderrApart?: boolean;
}

/** What the monitor gets as a descriptor: the socket to its launcher. */
export const launcherFd = 3;

/** A fixed environment: what is in ours is none of the container's business (SECURITY R3). */
export const environment = (paths: Paths): string[] => [defaultPath, `TINYDOCKER_ROOT=${paths.root}`];

/** Sends an order, as a file: it may be longer than a message. */
export function giveOrder(socket: number, order: Order): void {
  const text = memfd("order", JSON.stringify(order));
  sendMessage(socket, { data: Uint8Array.of(1), fds: [text] });
  close(text);
}

/** Waits for the order; undefined when the launcher is gone. */
export function takeOrder(): Order | undefined {
  const [text] = receiveMessage(launcherFd)?.fds ?? [];
  if (text === undefined) return undefined;
  const order = JSON.parse(new TextDecoder().decode(readAll(text, "the order"))) as Order;
  close(text);
  return order;
}
