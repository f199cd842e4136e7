/** `tinydocker inspect`: all that is known of containers, images, networks and volumes, as JSON. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { sizeOfContainer } from "../../engine/container/size.ts";
import { mountedAt } from "../../engine/files/mounted.ts";
import { describeImage } from "../../engine/image/inspect.ts";
import { execIdsOf } from "../../engine/inspect/exec-ids.ts";
import { describeContainer } from "../../engine/inspect/inspect.ts";
import { labelsOf } from "../../engine/inspect/labels.ts";
import { listKnownNetworks } from "../../engine/network/known.ts";
import { type Container, type ContainerRecord, directoryOf, findAnyContainer } from "../../engine/record/container.ts";
import { InvalidError, NotFoundError, UsageError } from "../../errors.ts";
import { findImage } from "../../image/store.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { hasLinks } from "../../plan/network/options.ts";
import { findOneNetwork } from "../network/inspect.ts";
import { findOneVolume } from "../volume/inspect.ts";
import { defineCommand, type Values } from "../words/command.ts";
import { inspectArgs, printObjects } from "../words/objects.ts";
import { parsePlatformArg, platformArgs, platformCheck } from "../words/platform.ts";
import { notice } from "../words/print.ts";
import type { Struct } from "../words/template/value.ts";
import { tlsArgs } from "../words/tls.ts";

const kinds = ["container", "image", "network", "volume"] as const;
type Kind = (typeof kinds)[number] | "object";

const args = {
  name: { type: "positional", multiple: true, required: true, description: "Names, ids, or unique id prefixes" },
  ...inspectArgs,
  size: { type: "boolean", alias: "s", description: "Show the size of a container's files" },
} as const;

export default defineCommand({
  meta: { name: "inspect", group: "Inspect", description: "Show details of any object as JSON" },
  args: {
    ...args,
    type: {
      type: "string",
      empty: "checked",
      valueHint: kinds.join("|"),
      description: "Look up only objects of this type",
    },
  },
  examples: ["tinydocker inspect web", "tinydocker inspect -f '{{json .Config.Cmd}}' busybox"],
  run: ({ type, ...values }, { root }) => inspect(kindOf(type), values, root),
});

export const inspectContainers = defineCommand({
  meta: { name: "container inspect", description: "Show details of containers as JSON" },
  args,
  examples: ["tinydocker container inspect -s web"],
  run: (values, { root }) => inspect("container", values, root),
});

export const inspectImages = defineCommand({
  meta: { name: "image inspect", description: "Show details of images as JSON" },
  args: {
    name: args.name,
    ...inspectArgs,
    ...platformArgs,
    remote: { type: "boolean", description: "Ask the registries, whatever is in the store" },
    ...tlsArgs,
  },
  examples: ["tinydocker image inspect busybox", "tinydocker image inspect --remote alpine:3.20"],
  run: async ({ name, format, platform, remote, "tls-verify": verifyTls }, { root }) => {
    if (remote) {
      const { remoteImage } = await import("../../engine/image/remote.ts");
      const asked = platform === undefined ? undefined : parsePlatformArg(platform);
      const found = new Map<string, Struct>();
      for (const one of name)
        found.set(one, describeImage(undefined, await remoteImage(one, asked, { verifyTls, notice })));
      printObjects("image", name, (one) => found.get(one), format);
      return 0;
    }
    const paths = pathsOf(root);
    const check = platformCheck(platform);
    const find = (one: string) => {
      const image = findImage(paths, one);
      if (image) check(one, image.config);
      return image && describeImage(paths, image);
    };
    recoverIfAllowed(paths);
    printObjects("image", name, find, format);
    return 0;
  },
});

function inspect(kind: Kind, { name, size, format }: Partial<Values<typeof args>>, root: string): number {
  const paths = pathsOf(root);
  recoverIfAllowed(paths);
  printObjects(kind, name!, (one) => finders[kind](paths, one, size), format);
  return 0;
}

type Find = (paths: Paths, name: string, size: boolean | undefined) => Struct | undefined;

const findOneImage: Find = (paths, name) => {
  const image = findImage(paths, name);
  return image && describeImage(paths, image);
};

const findOneContainer: Find = (paths, name, size) => {
  const found = containerIfAny(paths, name);
  if (!found) return undefined;
  const container = { ...found, record: withLinkNames(paths, found.record) };
  const directory = directoryOf(paths, container.record.id);
  return describeContainer(container, directory, listKnownNetworks(paths), {
    sizes: size ? sizeOfContainer(paths, container.record) : undefined,
    execIds: execIdsOf(container),
    mounted: mountedAt(directory),
    labels: labelsOf(paths, container.record),
  });
};

/** Those it is linked to may have other names by now. */
function withLinkNames(paths: Paths, record: ContainerRecord): ContainerRecord {
  if (!hasLinks(record.options.network)) return record;
  return (require("../../engine/network/links.ts") as typeof import("../../engine/network/links.ts")).withCurrentNames(
    paths,
    record,
  );
}

const finders: Record<Kind, Find> = {
  container: findOneContainer,
  image: findOneImage,
  network: findOneNetwork,
  volume: findOneVolume,
  // In Docker's order, where several have the name.
  object: (paths, name, size) => {
    let invalid: InvalidError | undefined;
    for (const kind of kinds) {
      try {
        const found = finders[kind](paths, name, size);
        if (found) return found;
      } catch (error) {
        if (!(error instanceof InvalidError)) throw error;
        // An image can't be called so; something else may.
        invalid ??= error;
      }
    }
    if (invalid) throw invalid;
    return undefined;
  },
};

function kindOf(type: string | undefined): Kind {
  if (type === undefined) return "object";
  const kind = kinds.find((one) => one === type);
  if (kind) return kind;
  throw new UsageError(`--type: ${JSON.stringify(type)} is not supported`, `one of ${kinds.join(", ")}`);
}

function containerIfAny(paths: Paths, name: string): Container | undefined {
  try {
    return findAnyContainer(paths, name);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
