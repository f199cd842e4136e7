/** Those who are attached to a container: they see what it writes, and may write to it. */

import { close, type Fd } from "../linux/file.ts";
import { POLLIN, POLLOUT, type Timer, type Watch } from "../linux/poll.ts";
import { accept } from "../linux/unix.ts";
import {
  type Frame,
  frameBytes,
  type Message,
  type NetworkChange,
  portionBytes,
  receiveFrame,
  windowBytes,
} from "./channel.ts";
import { type Client, deliver, deliverRest, newClient, sayDropped } from "./client.ts";
import { keyboardOf, type Stdin } from "./keyboard.ts";

/** What clients can do to the container. */
export interface Controls extends Stdin {
  resize(size: { rows: number; columns: number }): void;
  signal(number: number): void;
  /** It is in another network, or has left one. */
  change(control: NetworkChange, fds: Fd[]): void;
  /** Another process runs in it, whose end is to be told. */
  exec(execId: string, process: Fd): void;
  /** The one who started it has left: a pipe ends with its writer, a terminal waits for the next one. */
  left(): void;
}

export interface Clients {
  watches(): Watch[];
  timers(): Timer[];
  /** Shows everybody what the container wrote. */
  show(stream: 1 | 2, bytes: Uint8Array): void;
  /** True while somebody has not read what he was shown: the container waits, as it would on a terminal. */
  held(): boolean;
  sendToLauncher(message: Message): void;
  /** Lets go of the one who started it. */
  release(): void;
  /** Tells everybody the end, and closes. */
  end(exit: Extract<Message, { type: "exit" }>): void;
}

/**
 * So long the container waits for a client that reads nothing. One that reads, however slowly, gets all of it; one that does
 * not must not stop the container and its log for ever (docs/security.md F17). Who started it in the foreground may: see `held`.
 */
const patienceMs = 10_000;
/** Before the next connection is tried when there is no room for one: the socket would be ready again and again meanwhile. */
const pauseMs = 100;

/** @param listener a socket where more may come. @param launcher the socket to the one who started it, attached already. */
export function clientsOf(
  listener: Fd | undefined,
  launcher: { socket: Fd; attached: boolean; stdin: boolean } | undefined,
  controls: Controls,
): Clients {
  let clients: Client[] = launcher ? [newClient(launcher.socket, { ...launcher, launcher: true })] : [];
  let acceptAtMs: number | undefined;
  const keyboard = keyboardOf(controls);

  const drop = (client: Client) => {
    if (!clients.includes(client)) return;
    close(client.socket);
    clients = clients.filter((other) => other !== client);
    if (client.launcher && client.stdin) keyboard.afterwards(controls.left);
  };
  const flush = (client: Client) => {
    if (!deliver(client)) drop(client);
  };
  const queue = (client: Client, frame: Frame) => {
    if (!clients.includes(client)) return;
    client.queue.push(frame);
    flush(client);
  };
  const dropStuck = (client: Client) => {
    if (sayDropped(client)) drop(client);
  };

  const listen = (client: Client) => {
    // What the container wrote a moment ago may have shown that it is gone.
    if (!clients.includes(client)) return;
    const frame = receiveFrame(client.socket);
    if (!frame) return drop(client);
    if (!("control" in frame)) return take(client, frame.bytes);
    const { control } = frame;
    if (control.type === "attach") Object.assign(client, { attached: true, stdin: control.stdin });
    if (control.type === "taken") {
      client.shown -= control.bytes;
      client.holdingSinceMs = undefined;
      flush(client);
    }
    if (control.type === "resize") attempt(() => controls.resize(control));
    if (control.type === "signal") attempt(() => controls.signal(control.signal));
    if (control.type === "exec") for (const process of frame.fds) attempt(() => controls.exec(control.execId, process));
    if (control.type === "join" || control.type === "leave") {
      // Who asked for it sees that it was not done.
      if (!attempt(() => controls.change(control, frame.fds))) return drop(client);
      queue(client, { control: { type: "done" } });
    }
    // Others are listened to in the order in which they came, also those who are gone by now.
    if (control.type === "sync") queue(client, { control: { type: "done" } });
    if (control.type === "end-of-input" && client.launcher) {
      client.stdin = false;
      keyboard.afterwards(controls.endInput);
    }
  };
  const take = (client: Client, bytes: Uint8Array) => {
    if (!client.stdin) return;
    client.typed += bytes.length;
    if (client.typed > windowBytes) return drop(client);
    keyboard.type(bytes, (taken) => {
      client.typed -= taken;
      client.taken += taken;
      if (clients.includes(client) && (client.taken >= portionBytes || client.typed === 0)) flush(client);
    });
  };
  const admit = () => {
    if (!attempt(() => clients.push(newClient(accept(listener!))))) acceptAtMs = performance.now() + pauseMs;
  };

  return {
    watches: () => [
      ...(listener === undefined || acceptAtMs !== undefined ? [] : [{ fd: listener, onReady: admit }]),
      ...keyboard.watches(),
      ...clients.flatMap((client): Watch[] => [
        // One who talks nonsense is treated as one who has left.
        { fd: client.socket, events: POLLIN, onReady: () => void (attempt(() => listen(client)) || drop(client)) },
        ...(client.full
          ? [{ fd: client.socket, events: POLLOUT, onReady: () => clients.includes(client) && flush(client) }]
          : []),
      ]),
    ],
    timers: () => [
      ...(acceptAtMs === undefined ? [] : [{ atMs: acceptAtMs, onTime: () => (acceptAtMs = undefined) }]),
      ...clients.flatMap((client): Timer[] =>
        client.holdingSinceMs === undefined || client.launcher
          ? []
          : [{ atMs: client.holdingSinceMs + patienceMs, onTime: () => dropStuck(client) }],
      ),
    ],
    show: (stream, bytes) => {
      for (const client of clients) {
        if (!client.attached) continue;
        for (let at = 0; at < bytes.length; at += frameBytes)
          queue(client, { stream, bytes: bytes.slice(at, at + frameBytes) });
      }
    },
    held: () => clients.some(({ attached, queue: waiting }) => attached && waiting.length > 0),
    sendToLauncher: (control) => {
      for (const client of clients.filter(({ launcher: first }) => first)) queue(client, { control });
    },
    release: () => {
      for (const client of clients.filter(({ launcher: first, attached }) => first && !attached)) drop(client);
    },
    end: (exit) => {
      for (const client of clients) client.queue.push({ control: exit });
      deliverRest(clients, patienceMs);
      for (const { socket } of clients) close(socket);
      clients = [];
    },
  };
}

/** What a client wants may be impossible, or nonsense: that is no trouble of the container's. @returns false then. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
