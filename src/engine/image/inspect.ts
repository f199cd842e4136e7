/** An image in Docker's words: what `inspect` tells of it. */

import { isDigestName, tagsOf } from "../../image/reference.ts";
import { type Image, refFile } from "../../image/store.ts";
import { statIfAny } from "../../linux/stat.ts";
import { listOrNone, listOrNull } from "../../nil.ts";
import type { RunConfig } from "../../oci/image.ts";
import type { Paths } from "../../paths.ts";

/** @param paths undefined for an image that is not in the store */
export const describeImage = (paths: Paths | undefined, image: Image) => {
  const { id, references, created, sizeBytes, config, layers } = image;
  const [top = "", ...below] = layers.toReversed();
  return {
    Id: id,
    RepoTags: tagsOf({ references }),
    RepoDigests: references.filter(isDigestName),
    Parent: "",
    Comment: config.history?.at(-1)?.comment ?? "",
    Created: created,
    DockerVersion: "",
    Author: config.author ?? "",
    Config: describeConfig(config.config),
    Architecture: config.architecture,
    Variant: config.variant,
    Os: config.os,
    OsVersion: undefined,
    Size: sizeBytes,
    GraphDriver: {
      Data: new Map(Object.entries({ LowerDir: below.join(":"), MergedDir: "", UpperDir: top, WorkDir: "" })),
      Name: "overlayfs",
    },
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: paths ? lastTagTime(paths, tagsOf({ references })) : never },
    Descriptor: undefined,
    Manifests: listOrNone([]),
    // Ours.
    History: config.history ?? [],
  };
};

const never = "0001-01-01T00:00:00Z";

/** When a name was last given to it; the time that never was of one that has none. */
function lastTagTime(paths: Paths, references: string[]): string {
  const times = references.map((reference) => (statIfAny(refFile(paths, reference))?.mtimeNs ?? 0n) / 1_000_000n);
  const last = Math.max(0, ...times.map(Number));
  return last > 0 ? new Date(last).toISOString() : never;
}

/** What an image says of nothing is there all the same, empty: templates ask for it. */
const describeConfig = (config: RunConfig) => ({
  User: config.User ?? "",
  ExposedPorts: mapOf(config.ExposedPorts),
  Env: config.Env ?? [],
  Cmd: listOrNull(config.Cmd),
  Healthcheck: config.Healthcheck,
  Volumes: mapOf(config.Volumes),
  WorkingDir: config.WorkingDir ?? "",
  Entrypoint: listOrNull(config.Entrypoint),
  OnBuild: listOrNull([]),
  Labels: mapOf(config.Labels),
  StopSignal: config.StopSignal,
  Shell: listOrNone(config.Shell),
});

const mapOf = <Item>(record: Record<string, Item> | undefined) => new Map(Object.entries(record ?? {}));
