/** The stdio of a container with a monitor: no caller's, but that of whoever is attached, and the log. */

import { close, type Fd } from "../../linux/file.ts";
import { setNonblocking } from "../../linux/nonblocking.ts";
import {
  type ConnectedStdio,
  endOfInput,
  type OnOutput,
  type Owner,
  pipeOf,
  unconnected,
  watchInterrupts,
} from "../stdio.ts";

/** Pipes or a terminal, whose other ends only the monitor holds. */
export function connectToMonitor(
  { terminal, interactive, stderrApart }: { terminal: boolean; interactive: boolean; stderrApart: boolean },
  owner: Owner,
  onOutput: OnOutput,
  held: () => boolean,
): ConnectedStdio {
  const connected = unconnected();
  const listen = (from: Fd, stream: 1 | 2): void =>
    void connected.copies.push({ from, held, onData: (bytes) => onOutput(stream, bytes), onEnd: () => close(from) });
  const listenToPipe = (stream: 1 | 2) => {
    const ends = pipeOf(owner);
    connected.inside[stream] = ends.write;
    listen(ends.read, stream);
  };
  if (terminal) {
    if (stderrApart) listenToPipe(2);
    connected.connect = (master) => {
      setNonblocking(master);
      connected.input = master;
      connected.typed = watchInterrupts(connected, master);
      listen(master, 1);
      connected.endInput = () => {
        connected.idle = endOfInput(master);
      };
    };
    return connected;
  }
  if (interactive) {
    const stdin = pipeOf(owner);
    connected.inside[0] = stdin.read;
    setNonblocking(stdin.write);
    connected.input = stdin.write;
    connected.endInput = () => {
      delete connected.input;
      close(stdin.write);
      connected.endInput = () => {};
    };
  }
  listenToPipe(1);
  listenToPipe(2);
  return connected;
}
