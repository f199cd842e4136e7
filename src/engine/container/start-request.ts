/**
 * What a launcher tells the monitor that it has started: all that is to be done, planned already. A monitor lives as long as its
 * container, so it knows how to run one, and nothing of how to plan it.
 */

import { type Fd, owned, readAll } from "../../linux/file.ts";
import { receiveMessage, sendMessage } from "../../linux/poll.ts";
import { memfd } from "../../linux/process.ts";
import { configFile, type Paths } from "../../paths.ts";
import type { ExecPlan } from "../../plan/exec.ts";
import type { HealthPlan } from "../../plan/health.ts";
import { defaultPath } from "../../plan/path.ts";
import type { Plan } from "../../plan/step.ts";
import type { ExternalCheck } from "../external/container.ts";
import type { Reserved } from "../network/reserve.ts";
import type { ContainerRecord, ContainerState } from "../record/container.ts";

export interface StartRequest {
  /** The state root. */
  root: string;
  record: ContainerRecord;
  /** As it was before this start. */
  state: ContainerState;
  plan: Plan;
  /** How its health is checked, and what one check does. */
  health?: HealthPlan & { exec: ExecPlan | ExternalCheck };
  /** What was taken for it; the descriptors come beside. */
  network?: Reserved;
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
export const launcherFd = 3 as Fd;

/** A fixed environment: what is in ours is none of the container's business (docs/security.md R3). */
export function environment(paths: Paths): string[] {
  const { path, chosen } = configFile();
  return [defaultPath, `TINYDOCKER_ROOT=${paths.root}`, ...(chosen ? [`TINYDOCKER_CONFIG=${path}`] : [])];
}

/** As many descriptors as fit beside one message. */
const maxFds = 60;

/** Sends a start request, as a file: it may be longer than a message. The descriptors of what was taken follow. */
export function sendStartRequest(socket: Fd, request: StartRequest): void {
  using text = owned(memfd("start request", JSON.stringify(request)));
  sendMessage(socket, { data: Uint8Array.of(1), fds: [text.fd] });
  const held = request.network ? heldBy(request.network) : [];
  for (let at = 0; at < held.length; at += maxFds)
    sendMessage(socket, { data: Uint8Array.of(1), fds: held.slice(at, at + maxFds) });
}

/** Waits for the start request; undefined when the launcher is gone. */
export function receiveStartRequest(): StartRequest | undefined {
  using text = owned(receiveMessage(launcherFd)?.fds[0]);
  if (text === undefined) return undefined;
  const request = JSON.parse(new TextDecoder().decode(readAll(text.fd, "the start request"))) as StartRequest;
  const count = request.network ? heldBy(request.network).length : 0;
  const held: Fd[] = [];
  while (held.length < count) {
    const message = receiveMessage(launcherFd);
    if (!message) return undefined;
    held.push(...message.fds);
  }
  return request.network ? { ...request, network: withHeld(request.network, held) } : request;
}

/** The descriptors of what was taken, in a fixed order. */
const heldBy = ({ leases, ports }: Reserved): Fd[] => [
  ...leases.map(({ lock }) => lock),
  ...ports.flatMap(({ socket }) => socket ?? []),
];

/** The same as another process has them. */
function withHeld({ leases, ports, ...rest }: Reserved, held: Fd[]): Reserved {
  return {
    ...rest,
    leases: leases.map((lease) => ({ ...lease, lock: held.shift()! })),
    ports: ports.map((port) => (port.socket === undefined ? port : { ...port, socket: held.shift()! })),
  };
}
