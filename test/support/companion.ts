/**
 * Runs a part of a container's network alone, in a loop like that of the process that looks after a container:
 * `bun companion.ts resolver|ports JSON`. Says "ready" when it is; ends when its stdin does.
 */

import { readSync } from "node:fs";
import { O_RDONLY, open } from "../../src/linux/file.ts";
import { type Companion, type Interest, POLLIN, poll } from "../../src/linux/poll.ts";
import { holdPorts } from "../../src/network/ports.ts";
import { openRelay } from "../../src/network/relay.ts";
import { openResolver } from "../../src/network/resolver.ts";

const [kind, json] = process.argv.slice(2);
const options = JSON.parse(json!);
Bun.unsafe.setJITPolicy?.(1);

const starts: Record<string, () => Companion> = {
  resolver: () => openResolver({ ...options, netns: open(options.netns, O_RDONLY) }),
  ports: () => {
    const held = holdPorts(options.requests, () => undefined);
    return openRelay(held, options.target);
  },
};
const companion = starts[kind!]!();
console.log("ready");

for (let over = false; !over; ) {
  const watches = companion.watches();
  const interests: Interest[] = [
    { fd: 0, events: POLLIN },
    ...watches.map(({ fd, events = POLLIN }) => ({ fd, events })),
  ];
  const timers = companion.timers();
  const waitMs = Math.max(0, Math.ceil(Math.min(...timers.map(({ atMs }) => atMs)) - performance.now()));
  poll(interests, Number.isFinite(waitMs) ? waitMs : -1);
  for (const { atMs, onTime } of timers) if (atMs <= performance.now()) onTime();
  watches.forEach(({ onReady }, index) => {
    if (interests[index + 1]!.happened) onReady();
  });
  over = interests[0]!.happened !== 0 && readSync(0, new Uint8Array(64)) === 0;
}
companion.end();
