/** What `create` and `run` are asked for, and what they answer. */

import type { LoadProgress } from "../../image/load.ts";
import type { Platform } from "../../oci/manifest.ts";
import type { RunOptions } from "../../plan/options.ts";
import type { ImageDefaults } from "../../plan/spec.ts";
import type { UserNamespaceRequest } from "../../plan/userns/spec.ts";
import type { Stdio } from "../../runtime/stdio.ts";
import type { Usage } from "../../runtime/usage.ts";
import type { PullReport } from "../image/pull.ts";
import type { Settings } from "../record/container.ts";

/** What `create` and `run` were asked for. */
export interface CreateRequest {
  /** An image by any of its names, or a directory to use in place as the root. */
  source: { image: string } | { rootfs: string };
  /** What the image has to be for. */
  platform?: Partial<Platform>;
  /** When a registry is asked for the image; where nothing is said, when it is not here. */
  pull?: PullPolicy;
  options: RunOptions;
  settings: Settings;
  name?: string;
  /** Where to write the id. */
  cidfile?: string;
  /** Other containers whose volumes and binds it has too. */
  volumesFrom?: VolumesFrom[];
  /** Its user namespace; the host's where nothing is said. */
  userns?: UserNamespaceRequest;
}

/** `newer` is `always` that does with what is here where the registry cannot be asked. */
export type PullPolicy = "always" | "newer" | "never";

export interface VolumesFrom {
  /** By name or id. */
  container: string;
  readOnly: boolean;
}

/** How a command speaks to the user. */
export interface Reporter {
  warn(text: string): void;
  /** Called when a file has to be loaded first. */
  loading(file: string): { update(progress: LoadProgress): void; done(): void };
  /** Called when an image is pulled first. @param missing its name, if it is because it is not here */
  pulling(missing: string | undefined): PullReport & { close(): void };
  /** Called when a container is there that the caller stays with. */
  started?(id: string): void;
}

/** An image as a container needs it. */
export interface RunImage {
  /** As the user named it. */
  name: string;
  id?: string;
  defaults: ImageDefaults;
  /** Layers of a stored image from the bottom to the top; a directory is one layer. */
  lower: string[];
  /** Permission bits of its root directory. */
  rootMode: number;
}

/** What `run` was asked for. */
export interface RunRequest extends CreateRequest {
  /** Leave it running and print its id. */
  detach: boolean;
  stdio: Stdio;
  /** stdin is a terminal. */
  callerIsTerminal: boolean;
  /** Of stdout and stderr, what the caller does not see. */
  unseen?: (1 | 2)[];
  detachKeys: Uint8Array;
  sigProxy: boolean;
}

/** How a run ended: with an exit code, or not: it goes on. */
export type RunEnd = { code: number; oomKilled?: boolean; usage?: Usage } | { running: string };
