/** What a pull is asked for, what it tells of each layer meanwhile (in Docker's words), and what came of it. */

import type { Digest } from "../../oci/digest.ts";
import type { Descriptor, Platform } from "../../oci/manifest.ts";
import type { Resolved } from "./resolve.ts";

export interface PullOptions {
  /** Ends it, with its reason: parts stay for the next pull. */
  signal: AbortSignal;
  platform?: Partial<Platform> | undefined;
  /** Bytes of content that a layer may have. */
  maxBytes?: number | undefined;
  /** Looks at what is to be pulled, before anything of it is: who may refuse it throws. */
  check?(resolved: Resolved): Promise<void> | void;
  onLayer: OnLayer;
}

/** What to pull: a repository by its canonical name (`busybox`, `registry.example/app`), and a tag or a digest. */
export interface Wanted {
  name: string;
  tag?: string | undefined;
  digest?: Digest | undefined;
}

export interface Pulled {
  id: Digest;
  /** Of what the name led to: an index, or the manifest itself. */
  digest: Digest;
  /** Canonical names that it has now. */
  references: string[];
  /** False where the name was that image's already. */
  isNew: boolean;
}

/** A layer, and the blob that it comes as. */
export interface WantedLayer {
  chainId: Digest;
  diffId: Digest;
  blob: Descriptor;
}

export type LayerStatus =
  | PushStatus
  | "Already exists"
  | "Pulling fs layer"
  | "Waiting"
  | "Downloading"
  | "Download complete"
  | "Extracting"
  | "Pull complete";

/** Of a layer that is sent. */
export type PushStatus = "Preparing" | "Pushing" | "Pushed" | "Layer already exists" | `Mounted from ${string}`;

export interface LayerProgress {
  /** The first twelve digits of its blob's digest. */
  id: string;
  status: LayerStatus;
  /** Of Downloading and Extracting: bytes as stored. */
  bytes?: number;
  totalBytes?: number;
}

export type OnLayer = (progress: LayerProgress) => void;
