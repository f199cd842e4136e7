/**
 * Starting a container that is to outlive this command: it gets a monitor of its own, another process of this
 * program, which this command starts, and to which others attach later.
 */

import { hasCode, InterruptedError } from "../../errors.ts";
import { randomHex, wait } from "../../linux/clone.ts";
import { close, type Fd, O_RDWR, open, owned } from "../../linux/file.ts";
import { type Interest, POLLIN, poll, socketpair } from "../../linux/poll.ts";
import { kill, stringVector } from "../../linux/process.ts";
import { signals } from "../../linux/signal.ts";
import { posixSpawn } from "../../linux/spawn.ts";
import { tell } from "../../linux/tree/watch.ts";
import type { Paths } from "../../paths.ts";
import type { Connected } from "../../plan/network/network.ts";
import { defaultNetwork } from "../../plan/network/options.ts";
import { receiveFrame, sendFrame } from "../../runtime/channel.ts";
import { endIfInterrupted } from "../image/interrupt.ts";
import { prepareNetwork, type StartNetwork } from "../network/prepare.ts";
import type { Container } from "../record/container.ts";
import { monitoredStdio, openSharedIfAny, planHealthOf, planStart } from "./plan.ts";
import { type Attachment, environment, sendStartRequest } from "./start-request.ts";

/**
 * Starts a container that was created. What goes wrong after the planning the monitor prints for itself.
 * @returns the socket to the monitor, for `attachTo`, once the program runs; or the exit code of a start that failed,
 * and whether that was because somebody killed the monitor.
 */
export function launch(
  paths: Paths,
  { record, state }: Pick<Container, "record" | "state">,
  how: Attachment,
  warn: (text: string) => void,
): { socket: Fd } | { failed: number; killed?: true } {
  let prepared: StartNetwork | undefined;
  const [ours, theirs] = socketpair();
  using socket = owned(ours);
  using shared = openSharedIfAny(paths, record);
  const pid = spawnMonitor(paths, record.id, theirs);
  try {
    const kind = {
      fresh: false,
      monitored: true,
      first: state.started === undefined,
      stdio: monitoredStdio(record, how),
    };
    prepared = prepareNetwork(paths, record, state.network, warn);
    const { plan, spec } = planStart(paths, record, randomHex(32), kind, warn, prepared, shared?.paths);
    plan.warnings.forEach(warn);
    const health = planHealthOf(record.settings, record.defaults);
    sendStartRequest(socket.fd, {
      root: paths.root,
      record,
      state,
      plan: { ...plan, warnings: [] },
      how,
      ...(health && { health: { ...health, exec: checks().planCheck(paths, record, spec, health) } }),
      ...(prepared.reserved && { network: prepared.reserved }),
    });
    if (hasStarted(paths, record.id, socket.fd, prepared)) {
      prepared.handOff();
      if (hasMoved(state.network, prepared.connection)) tellLinking(paths, record.id);
      return { socket: socket.handOff() };
    }
  } catch (error) {
    close(socket.handOff()); // which tells it
    // It has ended before it heard what to do: its own words, or that it was killed, say why.
    if (hasCode(error, "EPIPE", "ECONNRESET")) return failureOf(pid, prepared);
    // It takes back what it has done before we say what was wrong; one that nobody wants to wait for has others do that.
    if (error instanceof InterruptedError) kill(pid, signals.SIGKILL);
    wait({ pid });
    prepared?.release();
    throw error;
  }
  close(socket.handOff());
  return failureOf(pid, prepared);
}

/** How a monitor ended that has not started its container. */
function failureOf(pid: number, prepared: StartNetwork | undefined): { failed: number; killed?: true } {
  const { exit } = wait({ pid })!;
  prepared?.release();
  return exit.signal === undefined ? { failed: exit.code || 125 } : { failed: 125, killed: true };
}

/** @param socket its end, which is closed here. @returns its pid. */
function spawnMonitor(paths: Paths, id: string, socket: Fd): number {
  using theirs = owned(socket);
  using nowhere = owned(open("/dev/null", O_RDWR));
  // A session of its own: no signal of our terminal reaches it. It loads what it needs while we plan.
  const how = { fds: [nowhere.fd, nowhere.fd, 2, theirs.fd] satisfies Fd[], session: true };
  const words = stringVector(["tinydocker", "monitor", id]);
  return posixSpawn("/proc/self/exe", words, stringVector(environment(paths)), how);
}

/** Connects the container when the monitor has its network namespace: we wait anyway, and a monitor stays small without. */
function hasStarted(paths: Paths, id: string, socket: Fd, { connection }: StartNetwork): boolean {
  const patientUntil = performance.now() + patienceMs;
  for (let frame = nextFrame(socket, patientUntil); frame; frame = nextFrame(socket, patientUntil)) {
    if (!("control" in frame)) continue;
    if (frame.control.type === "working") {
      tell(frame.control.done);
      continue;
    }
    if (frame.control.type === "started") return true;
    const [namespace] = frame.fds;
    if (namespace === undefined) continue;
    const { connect } = require("../network/endpoints.ts") as typeof import("../network/endpoints.ts");
    using joined = owned(namespace);
    connect(paths, id, connection!, joined.fd);
    sendFrame(socket, { control: { type: "connected" } });
  }
  return false;
}

/** A start takes less; signals are the container's, which is about to be there. */
const patienceMs = 5000;
const lookMs = 100;

/** The next thing that the monitor says. @throws InterruptedError for a signal, once it is at work for long. */
function nextFrame(socket: Fd, patientUntil: number): ReturnType<typeof receiveFrame> {
  const interest: Interest = { fd: socket, events: POLLIN };
  for (;;) {
    poll([interest], lookMs);
    if (interest.happened) return receiveFrame(socket);
    if (performance.now() >= patientUntil) endIfInterrupted();
  }
}

/** It has another address in the default network than before, as somebody who is linked to it may know it. */
function hasMoved(before: Connected | undefined, now: Connected | undefined): boolean {
  const addressesIn = (connected: Connected | undefined) =>
    connected?.endpoints.find(({ network }) => network === defaultNetwork)?.addresses.join();
  return before !== undefined && addressesIn(before) !== addressesIn(now);
}

function tellLinking(paths: Paths, id: string): void {
  const { rewriteLinking } = require("../network/etc-rewrite.ts") as typeof import("../network/etc-rewrite.ts");
  rewriteLinking(paths, id);
}

/** Loaded for those that have a health check. */
const checks = () => require("./check.ts") as typeof import("./check.ts");
