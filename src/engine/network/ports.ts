/** The ports of a container as they are shown: which are published where, and which it only says that it serves. Pure. */

import { UsageError } from "../../errors.ts";
import { hasWayOut } from "../../plan/network/connection.ts";
import type { Protocol } from "../../plan/network/network.ts";
import { type ExposedPort, parseExpose } from "../../plan/network/publish.ts";
import { type Container, type ContainerRecord, isUp } from "../record/container.ts";

export interface ShownPort extends ExposedPort {
  /** Where it is published, if it is. */
  hostIp?: string;
  hostPort?: number;
}

export const portKey = ({ port, protocol }: { port: number; protocol: Protocol }): string => `${port}/${protocol}`;

/** All that its image, --expose and --publish name, each once. */
export function exposedPorts({ defaults, options: { network } }: ContainerRecord): ExposedPort[] {
  const ofImage = Object.keys(defaults.ExposedPorts ?? {}).flatMap(parseIfAny);
  const published = network.publish.map(({ port, protocol }) => ({ port, protocol }));
  const ports = new Map([...ofImage, ...network.expose, ...published].map((port) => [portKey(port), port]));
  return [...ports.values()].sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1));
}

/** A start says what is wrong with it; who only looks is not to be stopped by it. */
function parseIfAny(text: string): ExposedPort[] {
  try {
    return parseExpose(text);
  } catch (error) {
    if (error instanceof UsageError) return [];
    throw error;
  }
}

/** The ports of one that runs in networks of its own; as Docker, none of any other. */
export function shownPorts(container: Container): ShownPort[] {
  const { record, state } = container;
  if (!isUp(container) || record.options.network.mode !== "bridge") return [];
  const published = state.network && hasWayOut(state.network.endpoints) ? state.network.ports : [];
  return [
    ...exposedPorts(record).filter((port) => !published.some((one) => portKey(one) === portKey(port))),
    ...published.map(({ protocol, hostIp, hostPort, port }) => ({ protocol, hostIp, hostPort, port })),
  ];
}
