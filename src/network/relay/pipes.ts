/** Pipes through which bytes go from socket to socket. One is needed only while bytes are in it, so connections that are idle have none. */

import { close } from "../../linux/file.ts";
import type { Pipe } from "../../linux/poll.ts";
import { openSplicePipe } from "../../linux/splice.ts";

const idle: Pipe[] = [];
/** So many are kept for those who come next. */
const maxIdle = 8;

/** A pipe that is empty, or undefined where there are no descriptors left. */
export const takePipe = (): Pipe | undefined => idle.pop() ?? openSplicePipe();

/** Gives one back that is empty. */
export function returnPipe(pipe: Pipe): void {
  if (idle.length < maxIdle) idle.push(pipe);
  else closePipe(pipe);
}

export function closePipe({ read, write }: Pipe): void {
  close(read);
  close(write);
}

/** Those that nobody has. */
export function closeIdlePipes(): void {
  for (const pipe of idle.splice(0)) closePipe(pipe);
}
