/** What one start has to know of its network before it can be planned. */

import { ConflictError } from "../errors.ts";
import { close, O_RDONLY, open } from "../linux/file.ts";
import { openProcess } from "../linux/proc.ts";
import type { Paths } from "../paths.ts";
import type { Connection } from "../plan/network.ts";
import type { NetworkFacts } from "../plan/spec.ts";
import type { HostStep } from "../plan/step.ts";
import { etcNames, planEtcFiles } from "./etc-files.ts";
import { type KeptNetwork, keepNetwork } from "./kept-network.ts";
import { type ContainerRecord, type ContainerState, directoryOf, readContainer } from "./record.ts";
import type { Reserved } from "./reserve.ts";

export interface StartNetwork {
  /** Absent where it is in no networks of its own. */
  reserved?: Reserved;
  connection?: Connection;
  facts: NetworkFacts;
  files: Extract<HostStep, { do: "write-file" }>[];
  /** Gives everything back: it was not planned, or has ended. */
  release(): void;
  /** Closes what another process holds now. */
  letGo(): void;
  /** It is written down and connected: if we are killed from here on, all that was taken is known. */
  connected(): void;
}

/** @param last how it was connected before. */
export function prepareNetwork(
  paths: Paths,
  record: ContainerRecord,
  last: ContainerState["network"],
  warn: (text: string) => void,
): StartNetwork {
  const { mode, publish, publishAll } = record.options.network;
  if (mode === "container") return join(paths, record);
  if (mode === "host" && (publish.length > 0 || publishAll))
    warn("published ports are discarded: in the host's network every port is there as it is");
  if (mode !== "bridge") return { ...planFiles(paths, record, undefined, warn), ...noEndings };
  const { noteNetwork } = require("./network-note.ts") as typeof import("./network-note.ts");
  const { lockNetworks } = require("./network-lock.ts") as typeof import("./network-lock.ts");
  const taken = noteNetwork(paths, record.id, "start");
  const unlock = lockNetworks(paths, "use");
  const connected = () => {
    unlock();
    taken();
  };
  try {
    const reserved = reserving().reserve(paths, record, last);
    const network = planFiles(paths, record, reserved.connection, warn);
    return { ...network, reserved, ...endingsOf(paths, reserved, connected) };
  } catch (error) {
    connected();
    throw error;
  }
}

type Endings = Pick<StartNetwork, "release" | "letGo" | "connected">;
const noEndings: Endings = { release: () => {}, letGo: () => {}, connected: () => {} };

const endingsOf = (paths: Paths, reserved: Reserved, connected: () => void): Endings => ({
  connected,
  release: () => {
    reserving().release(paths, reserved);
    connected();
  },
  letGo: () => {
    reserving().letGo(reserved);
    connected();
  },
});

/** Loaded for those that are in networks. */
const reserving = () => require("./reserve.ts") as typeof import("./reserve.ts");
const connecting = () => require("./connect.ts") as typeof import("./connect.ts");

/** Runs something, and gives the network back whatever happens. */
export function releasing<Result>(network: StartNetwork, use: () => Result): Result {
  try {
    return use();
  } finally {
    network.release();
  }
}

/** How this process connects a container that it looks after itself. */
export const connectionHere = (
  paths: Paths,
  id: string,
  reserved: Reserved,
  { connected }: Pick<StartNetwork, "connected">,
): KeptNetwork => {
  const connect = (namespace: number) => {
    connecting().connect(paths, id, reserved.connection, namespace);
    connected();
  };
  return keepNetwork(paths, id, reserved, connect, { soon: true });
};

/** The same without taking anything: what it would be now. */
export function previewNetwork(paths: Paths, record: ContainerRecord, warn: (text: string) => void): StartNetwork {
  const { mode } = record.options.network;
  const connection = mode === "bridge" ? reserving().previewReserve(paths, record) : undefined;
  const namespace = mode === "container" ? { namespace: "/proc/PID/ns/net" } : {};
  const network = planFiles(paths, record, connection, warn);
  return { ...network, facts: { ...network.facts, ...namespace }, ...noEndings };
}

function planFiles(
  paths: Paths,
  record: ContainerRecord,
  connection: Connection | undefined,
  warn: (text: string) => void,
): Omit<StartNetwork, keyof Endings> {
  const base = { ...(connection && { connection }) };
  // A directory that is used in place gets nothing that is not the user's.
  if (record.rootfs !== undefined) return { ...base, facts: { files: {} }, files: [] };
  const texts = planEtcFiles(record.options, connection, warn);
  const directory = directoryOf(paths, record.id);
  return {
    ...base,
    facts: { files: filesIn(directory) },
    files: etcNames.map((name) => ({
      do: "write-file",
      path: `${directory}/${name}`,
      text: texts[name],
      mode: 0o644,
      why: reasons[name],
    })),
  };
}

const reasons = {
  hosts: "the container's own address and name, for hosts(5)",
  hostname: "its name, for hostname(5)",
  "resolv.conf": "whom it asks for names, for resolver(5)",
};

const filesIn = (directory: string): Record<string, string> =>
  Object.fromEntries(etcNames.map((name) => [`/etc/${name}`, `${directory}/${name}`]));

/** Another container's network namespace, and what that one has in /etc. */
function join(paths: Paths, { name, options: { network } }: ContainerRecord): StartNetwork {
  const target = readContainer(paths, network.container!);
  const pidfd = target?.state.status === "running" && target.state.process && openProcess(target.state.process);
  if (!target || !pidfd) {
    const other = target?.record.name ?? network.container;
    throw new ConflictError(
      `${name} shares the network of container ${other}, which is not running`,
      `tinydocker start ${other}`,
    );
  }
  const namespace = open(`/proc/${target.state.process!.pid}/ns/net`, O_RDONLY);
  // It is still the same process, so that was its namespace.
  const alive = openProcess(target.state.process!);
  for (const fd of [pidfd, alive]) if (fd !== undefined) close(fd);
  if (alive === undefined) throw new ConflictError(`container ${target.record.name} has ended`);
  // Init opens it by this name while we wait for it.
  const facts = { namespace: `/proc/${process.pid}/fd/${namespace}`, files: {} };
  const files = target.record.rootfs === undefined ? filesIn(directoryOf(paths, target.record.id)) : {};
  const done = () => close(namespace);
  return { facts: { ...facts, files }, files: [], ...noEndings, release: done, letGo: done };
}
