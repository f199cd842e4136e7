/**
 * Runs a part of a container's network alone, in a loop like that of a container's monitor:
 * `bun event-sources.ts resolver|ports JSON`. Says "ready" when it is, and which ports it has; ends when its stdin does.
 */

import { readSync } from "node:fs";
import { explain } from "../../src/errors.ts";
import { O_RDONLY, open } from "../../src/linux/file.ts";
import { type EventSource, type Interest, POLLIN, poll } from "../../src/linux/poll.ts";
import { openResolver, type ResolverOptions } from "../../src/network/dns/resolver.ts";
import { type HeldPort, holdPorts } from "../../src/network/ports.ts";
import { openRelay, type RelayTarget } from "../../src/network/relay/relay.ts";
import type { PortRequest } from "../../src/plan/network/publish.ts";

export interface PortsOptions {
  requests: PortRequest[];
  /** The container that has each port that is not free. */
  owner?: string;
  target: RelayTarget;
  /** It may have so many descriptors, and has so many already. */
  descriptors?: { limit: number; used: number };
}

const starts = {
  resolver: (options: Omit<ResolverOptions, "netns"> & { netns: string }) => {
    const resolver = openResolver({ ...options, netns: open(options.netns, O_RDONLY) });
    console.log("ready");
    return resolver;
  },
  ports: ({ requests, owner, target, descriptors }: PortsOptions) => {
    const held = holdPorts(requests, () => owner);
    if (descriptors) limitDescriptors(descriptors);
    const said = new Set<string>();
    const relay = openRelay(held, target, (_port, reason) => {
      if (said.size === 0) console.log(reason);
      said.add(reason);
    });
    console.log(`ready ${JSON.stringify(held satisfies HeldPort[])}`);
    return relay;
  },
};

function limitDescriptors({ limit, used }: { limit: number; used: number }): void {
  Bun.spawnSync(["prlimit", `--nofile=${limit}:${limit}`, "--pid", String(process.pid)]);
  for (let count = 0; count < used; count++) open("/dev/null", O_RDONLY);
}

function loop(eventSource: EventSource): void {
  const stdin: Interest = { fd: 0, events: POLLIN };
  for (let over = false; !over; ) {
    const watches = eventSource.watches();
    const timers = eventSource.timers();
    const interests: Interest[] = watches.map(({ fd, events = POLLIN }) => ({ fd, events }));
    const waitMs = Math.max(0, Math.ceil(Math.min(...timers.map(({ atMs }) => atMs)) - performance.now()));
    poll([...interests, stdin], Number.isFinite(waitMs) ? waitMs : -1);
    for (const { atMs, onTime } of timers) if (atMs <= performance.now()) onTime();
    watches.forEach(({ onReady }, index) => {
      if (interests[index]!.happened) onReady();
    });
    over = stdin.happened !== 0 && readSync(0, new Uint8Array(64)) === 0;
  }
  eventSource.end();
}

const [kind, json = ""] = process.argv.slice(2);
Bun.unsafe.setJITPolicy?.(1);
try {
  loop(starts[kind as keyof typeof starts](JSON.parse(json)));
} catch (error) {
  const { text, hint = "" } = explain(error);
  console.error(`${text}\n${hint}`);
  process.exitCode = 1;
}
