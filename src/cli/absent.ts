/** Commands that Docker's users type and that are not here, by name: why not, and what to do instead. */

import { UsageError } from "../errors.ts";

type Reason = readonly [why: string, hint: string];

const build: Reason = [
  "it comes later",
  "tinydocker commit makes an image of a container, tinydocker import of a root file system",
];
const oneMachine: Reason = [
  "there is one machine, the one that tinydocker runs on",
  "tinydocker run -d --restart always starts what is to stay up",
];
const noDaemon: Reason = [
  "there is no daemon to choose, and tinydocker works on this machine",
  "on another machine: ssh HOST tinydocker ...",
];
const together: Reason = [
  "containers are not described in a file",
  "a `tinydocker run` for each, in a network of `tinydocker network create`",
];
const scanners: Reason = ["it looks into no images", "scanners read the archive of `tinydocker save`"];

const absent: Record<string, Reason> = {
  build,
  "image build": build,
  builder: ["images are not built yet, so there is no build cache", "tinydocker system df shows what takes room"],
  buildx: build,
  bake: build,
  compose: together,
  stack: together,
  swarm: oneMachine,
  node: oneMachine,
  service: oneMachine,
  config: ["configs are a swarm's", "tinydocker run -v ./FILE:/PATH:ro, or tinydocker secret create"],
  "volume update": ["only a swarm's volumes can be changed", "tinydocker volume create makes another one"],
  context: noDaemon,
  "system dial-stdio": noDaemon,
  plugin: ["all drivers are built in", "tinydocker info lists them"],
  trust: ["it is about the signatures of a registry", "tinydocker load checks the digests of what it loads"],
  checkpoint: ["processes are not saved and restored", "tinydocker commit keeps a container's files"],
  scout: scanners,
  scan: scanners,
  sbom: scanners,
  init: ["it writes no Dockerfile", "tinydocker import makes an image of a root file system"],
  debug: ["a container has the tools of its image", "tinydocker exec CONTAINER sh, or --pid container:NAME"],
  pod: [
    "containers share what they are told to",
    "--network container:NAME, --ipc container:NAME, --pid container:NAME",
  ],
  kube: together,
};

/** @throws UsageError for one of them; `image pull` by both words */
export function refuseAbsent(name: string): void {
  if (!Object.hasOwn(absent, name)) return;
  const [why, hint] = absent[name]!;
  throw new UsageError(`${name} is not supported: ${why}`, hint);
}
