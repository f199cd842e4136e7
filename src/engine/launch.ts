/**
 * Starting a container that is to outlive this command: a monitor of its own looks after it, another process of this
 * program, which this command starts, and to which others attach later.
 */

import { wait } from "../linux/clone.ts";
import { close, O_RDWR, open } from "../linux/file.ts";
import { socketpair } from "../linux/poll.ts";
import { stringVector } from "../linux/process.ts";
import { posixSpawn } from "../linux/spawn.ts";
import type { Paths } from "../paths.ts";
import { defaultPath } from "../plan/spec.ts";
import { receiveFrame } from "../runtime/channel.ts";

/** Whether we stay attached to what is started, and whether our stdin is its. */
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

/**
 * Starts a container that was created. The monitor prints for itself why it could not.
 * @returns the socket to the monitor, for `attachTo`, once the program runs; or the exit code of a start that failed,
 * and whether that was because somebody killed the monitor.
 */
export function launch(
  paths: Paths,
  id: string,
  how: Attachment,
): { socket: number } | { failed: number; killed?: true } {
  const [ours, theirs] = socketpair();
  const nowhere = open("/dev/null", O_RDWR);
  const words = [
    "tinydocker",
    "monitor",
    ...(how.attached ? ["--attached"] : []),
    ...(how.stdin ? ["--stdin"] : []),
    ...(how.stderrApart ? ["--stderr-apart"] : []),
    id,
  ];
  const fds = [nowhere, nowhere, 2, theirs];
  // A session of its own: no signal of our terminal reaches it.
  const pid = posixSpawn("/proc/self/exe", stringVector(words), stringVector(environment(paths)), {
    fds,
    session: true,
  });
  close(theirs);
  close(nowhere);
  const frame = receiveFrame(ours);
  if (frame && "said" in frame && frame.said.type === "started") return { socket: ours };
  close(ours);
  const { exit } = wait({ pid })!;
  return exit.signal === undefined ? { failed: exit.code || 125 } : { failed: 125, killed: true };
}
