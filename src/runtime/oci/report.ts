/** What others are told of a container: the state of the runtime specification. */

import { ociVersion } from "../../oci/version.ts";
import { type ContainerState, type Status, statusOf } from "./state.ts";

/** As `state` prints it, and hooks get it. @see https://github.com/opencontainers/runtime-spec/blob/v1.3.0/runtime.md#state */
export interface Report {
  ociVersion: string;
  id: string;
  /** 0 if it has ended. */
  pid: number;
  status: Status | "creating";
  bundle: string;
  /** Beyond the specification, as runc has them. */
  rootfs: string;
  created: string;
  owner: string;
  annotations?: Record<string, string>;
}

export function reportOf(state: Omit<ContainerState, "process">, pid: number, status: Report["status"]): Report {
  const { annotations, root } = state.config;
  return {
    ociVersion,
    id: state.id,
    pid,
    status,
    bundle: state.bundle,
    rootfs: root.path,
    created: state.created,
    owner: state.owner,
    ...(annotations && { annotations }),
  };
}

/** As it is at this moment. */
export function currentReport(root: string, state: ContainerState): Report {
  const status = statusOf(root, state);
  return reportOf(state, status === "stopped" ? 0 : state.process.pid, status);
}
