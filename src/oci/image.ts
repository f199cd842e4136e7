/**
 * The image configuration: what an image says about running it. No I/O.
 * @see https://github.com/opencontainers/image-spec/blob/main/config.md
 */

import { InvalidError } from "../errors.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { count, fields, flag, list, need, object, parseJson, type Reader, record, text } from "./json.ts";

/** The fields keep the names of the specification: this is what `inspect` prints. */
export interface ImageConfig {
  /** GOARCH: `amd64`, `arm64`. */
  architecture: string;
  /** GOOS: `linux`. */
  os: string;
  variant?: string;
  /** RFC 3339. */
  created?: string;
  author?: string;
  /** How to run it; empty for a plain root filesystem. */
  config: RunConfig;
  /** The layers' uncompressed digests, bottom first. */
  rootfs: { type: "layers"; diff_ids: Digest[] };
  history?: History[];
}

export interface RunConfig {
  User?: string;
  ExposedPorts?: Record<string, unknown>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, unknown>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  Healthcheck?: Healthcheck;
  Shell?: string[];
}

/** How to check health (Docker's extension); times in nanoseconds, where 0 is as good as nothing said. */
export interface Healthcheck {
  /** `["CMD", ...words]`, `["CMD-SHELL", text]`, or `["NONE"]`. */
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}

export interface History {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

const texts = list(text);

/** Go reads null as the empty value of its type. */
const orEmpty =
  <Value>(read: Reader<Value>, empty: Value): Reader<Value> =>
  (value, where) =>
    value === null ? empty : read(value, where);

const keys = record(orEmpty(object, {}));

/** Less than nothing is as good as nothing said. */
const positive: Reader<number> = (value, where) =>
  Number.isSafeInteger(value) && (value as number) < 0 ? 0 : count(value, where);

const healthcheck = (value: unknown, where: string): Healthcheck =>
  fields(value, where, {
    Test: texts,
    Interval: positive,
    Timeout: positive,
    Retries: positive,
    StartPeriod: positive,
    StartInterval: positive,
  });

const runConfig = (value: unknown, where: string): RunConfig =>
  fields(value, where, {
    User: text,
    ExposedPorts: keys,
    Env: texts,
    Entrypoint: texts,
    Cmd: texts,
    Volumes: keys,
    WorkingDir: text,
    Labels: record(orEmpty(text, "")),
    StopSignal: text,
    Healthcheck: healthcheck,
    Shell: texts,
  }) as RunConfig;

const history = (value: unknown, where: string): History =>
  fields(value, where, { created: text, created_by: text, author: text, comment: text, empty_layer: flag }) as History;

const maxLayers = 500; // what overlayfs takes

/** An image configuration out of JSON, which is checked field by field. @throws InvalidError naming `subject` and the field */
export function parseImageConfig(
  content: Uint8Array | string,
  subject: string,
  options?: { trusted: boolean },
): ImageConfig {
  const found = fields(parseJson(content, subject, options), subject, {
    architecture: text,
    os: text,
    variant: text,
    created: text,
    author: text,
    config: runConfig,
    rootfs: (value, where) => fields(value, where, { type: text, diff_ids: list(parseDigest) }),
    history: list(history),
  });
  const { architecture, os, rootfs, config = {}, ...optional } = found;
  const layers = need(rootfs, `${subject}: rootfs`);
  if (layers.type !== "layers") throw new InvalidError(`${subject}: rootfs.type is not "layers"`);
  const diffIds = layers.diff_ids ?? [];
  if (diffIds.length > maxLayers)
    throw new InvalidError(`${subject} has ${diffIds.length} layers; overlayfs takes ${maxLayers}`);
  return {
    // Images of old tools do not say; they were made where they run.
    architecture: architecture || hostArchitecture,
    os: os || "linux",
    ...(optional as Partial<ImageConfig>),
    config,
    rootfs: { type: "layers", diff_ids: diffIds },
  };
}

/** GOARCH of this machine. */
export const hostArchitecture = process.arch === "arm64" ? "arm64" : "amd64";
