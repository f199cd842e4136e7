/** What a plan says of a container that another OCI runtime makes: which one, and the bundle that it gets. Pure. */

import type { Spec } from "../../oci/spec.ts";

/** A program with the command line of runc. */
export interface ExternalRuntime {
  /** As the user named it. */
  name: string;
  /** Absolute. */
  path: string;
  /** Words before each command. */
  args: string[];
}

/** A runtime as it is called for one container. */
export interface RuntimeCall extends ExternalRuntime {
  /** Where it keeps its state: the container is the only one there. */
  root: string;
  /** Of the container. */
  id: string;
}

/** What takes the place of our own init. */
export interface ExternalPlan {
  runtime: RuntimeCall;
  /** Absolute: the directory with config.json. `rootfs` and `mounts` in it are there for the runtime alone. */
  bundle: string;
  /** All that is known before the container's user, its namespaces and its secrets are. */
  config: Spec;
  /** Settings of network devices, which are there when the network is connected: names with slashes. */
  lateSysctls: { name: string; value: string }[];
}

/** Where the bundle of a container is. */
export const bundleOf = (directory: string): string => `${directory}/bundle`;

/** Where what is prepared for a container is mounted, by its number. */
export const mountedAt = (bundle: string, number: number): string => `${bundle}/mounts/${number}`;

export const rootfsOf = (bundle: string): string => `${bundle}/rootfs`;

/** The runtime as it is called for the container in this directory. */
export const callFor = (runtime: ExternalRuntime, id: string, directory: string): RuntimeCall => ({
  ...runtime,
  root: `${directory}/runtime`,
  id,
});
