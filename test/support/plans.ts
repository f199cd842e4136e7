/** Specs and containers for plan tests: complete ones, of which a test changes what it is about. */

import { capabilityNames } from "../../src/oci/capabilities.ts";
import type { Spec } from "../../src/oci/spec.ts";
import type { Host } from "../../src/plan/cgroup.ts";
import { type Container, planContainer } from "../../src/plan/container.ts";
import type { InitStep } from "../../src/plan/init-step.ts";
import type { RunOptions } from "../../src/plan/options.ts";
import { noOptions } from "../../src/plan/options.ts";
import { type HostFacts, type ImageDefaults, planSpec, type Rootfs } from "../../src/plan/spec.ts";
import type { Plan } from "../../src/plan/step.ts";

export const id = "a".repeat(64);

export const options = (changes: Partial<RunOptions> = {}): RunOptions => ({
  ...noOptions,
  hostname: "box",
  ...changes,
});

export const rootfs: Rootfs = {
  kind: "overlay",
  lower: ["/s/l/base", "/s/l/top"],
  upper: "/s/c/upper",
  work: "/s/c/work",
  path: "/s/c/rootfs",
};

export const facts: HostFacts = { hardLimits: {}, devices: [], capabilities: [...capabilityNames] };

export const host: Host = { cgroup2: { mountPoint: "/sys/fs/cgroup", controllers: ["cpu", "memory", "pids"] } };

export const aSpec = (
  changes: Partial<RunOptions> = {},
  image: ImageDefaults = {},
  root: Rootfs = rootfs,
  at: HostFacts = facts,
): Spec => planSpec(id, options(changes), image, root, at);

export const container = (changes: Partial<Container> = {}): Container => ({
  id,
  name: "box",
  namePath: "/s/names/box",
  running: `/s/running/${id}`,
  directory: "/s/c",
  directories: [{ path: "/s/c/upper", mode: 0o755 }],
  volumes: [],
  keep: true,
  fresh: true,
  outlives: false,
  asked: new Set(),
  reap: false,
  stdio: ["pipe", "pipe", "pipe"],
  ...changes,
});

export const aPlan = (
  changes: Partial<RunOptions> = {},
  own: Partial<Container> = {},
  on: Host = host,
  image: ImageDefaults = {},
): Plan => planContainer(aSpec(changes, image), container(own), on);

/** All that init does, in order. */
export const initSteps = ({ setup, start }: Plan): InitStep[] => [...setup, ...start];

export const kinds = (plan: Plan): InitStep["do"][] => initSteps(plan).map((step) => step.do);
