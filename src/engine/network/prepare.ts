/** What one start has to know of its network before it can be planned. */

import { ConflictError, NotFoundError } from "../../errors.ts";
import { close, type Fd, O_RDONLY, open, owned } from "../../linux/file.ts";
import { openProcess } from "../../linux/proc.ts";
import type { Paths } from "../../paths.ts";
import type { Connected, Connection, EtcFile } from "../../plan/network/network.ts";
import { hasLinks } from "../../plan/network/options.ts";
import { readConfig } from "../record/config.ts";
import { type Container, type ContainerRecord, type ContainerState, readContainer } from "../record/container.ts";
import { planEtcFiles, underOwnName } from "./etc-files.ts";
import type { KeptNetwork } from "./keep.ts";
import type { Reserved } from "./reserve.ts";

export interface StartNetwork {
  /** Absent where it is in no networks of its own. */
  reserved?: Reserved;
  connection?: Connection;
  /** A network namespace to be joined, as init opens it. */
  namespace?: string;
  /** What it finds in /etc. */
  etc?: EtcFile[];
  /** Variables that tell of its links. */
  env?: string[];
  /** Gives everything back: it was not planned, or has ended. */
  release(): void;
  /** Closes what another process holds now. */
  handOff(): void;
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
  if (mode !== "bridge" && (publish.length > 0 || publishAll))
    warn(`published ports are discarded: ${whyDiscarded[mode]}`);
  if (mode !== "bridge") return { ...etcOf(record, undefined, warn), ...noEndings };
  const { firewall } = readConfig();
  if (firewall) (require("./firewall.ts") as typeof import("./firewall.ts")).useFirewall(paths, firewall);
  const { lockNetworks } = require("../record/network-lock.ts") as typeof import("../record/network-lock.ts");
  const connected = lockNetworks(paths, "use");
  let reserved: Reserved | undefined;
  try {
    reserved = reserving().reserve(paths, record, last);
    const { connection } = reserved;
    if (connection.ports.length > 0 && !planning().hasWayOut(connection.endpoints))
      warn(`published ports lead nowhere: ${whyNowhere(connection)}`);
    const found = foundIn(paths, record, connection, warn);
    return { ...found, reserved, connection, ...endingsOf(paths, reserved, connected) };
  } catch (error) {
    if (reserved) reserving().release(paths, reserved);
    connected();
    throw error;
  }
}

const whyDiscarded = {
  host: "in the host's network every port is there as it is",
  none: "without a network nobody can reach them",
};

const whyNowhere = ({ endpoints }: Connection): string =>
  endpoints.some(({ parent }) => parent)
    ? "a container of a macvlan or ipvlan network is reached at its own address"
    : "the container is in internal networks only";

type Endings = Pick<StartNetwork, "release" | "handOff" | "connected">;
const noEndings: Endings = { release: () => {}, handOff: () => {}, connected: () => {} };

const endingsOf = (paths: Paths, reserved: Reserved, connected: () => void): Endings => ({
  connected,
  release: () => {
    reserving().release(paths, reserved);
    connected();
  },
  handOff: () => {
    reserving().handOff(reserved);
    connected();
  },
});

/** Loaded for those that are in networks. */
const planning = () => require("../../plan/network/connection.ts") as typeof import("../../plan/network/connection.ts");
const reserving = () => require("./reserve.ts") as typeof import("./reserve.ts");
const connecting = () => require("./endpoints.ts") as typeof import("./endpoints.ts");

/** Runs something, and gives the network back whatever happens. */
export function releasing<Result>(network: StartNetwork, use: () => Result): Result {
  try {
    return use();
  } finally {
    network.release();
  }
}

/** How this process connects a container whose monitor it is itself. */
export const connectionHere = (
  paths: Paths,
  id: string,
  reserved: Reserved,
  { connected }: Pick<StartNetwork, "connected">,
): KeptNetwork => {
  const connect = (namespace: Fd) => {
    connecting().connect(paths, id, reserved.connection, namespace);
    connected();
  };
  const { keepNetwork } = require("./keep.ts") as typeof import("./keep.ts");
  return keepNetwork(paths, id, reserved, connect, { soon: true });
};

/** The same without taking anything: what it would be now. */
export function previewNetwork(paths: Paths, record: ContainerRecord, warn: (text: string) => void): StartNetwork {
  const { mode } = record.options.network;
  const connection = mode === "bridge" ? reserving().previewReserve(paths, record) : undefined;
  const found = mode === "container" ? { namespace: "/proc/PID/ns/net" } : foundIn(paths, record, connection, warn);
  return { ...found, ...(connection && { connection }), ...noEndings };
}

/** What a container finds of its network when it starts. */
function foundIn(
  paths: Paths,
  record: ContainerRecord,
  connected: Connected | undefined,
  warn: (text: string) => void,
): Pick<StartNetwork, "etc" | "env"> {
  if (!hasLinks(record.options.network)) return etcOf(record, connected, warn);
  const { startLinks } = require("./links.ts") as typeof import("./links.ts");
  const linked = startLinks(paths, record);
  return { ...etcOf(linked.record, connected, warn), env: linked.env };
}

/** A directory that is used in place gets nothing that is not the user's. */
const etcOf = (
  { rootfs, options }: ContainerRecord,
  connected: Connected | undefined,
  warn: (text: string) => void,
): Pick<StartNetwork, "etc"> => (rootfs === undefined ? { etc: planEtcFiles(options, connected, warn) } : {});

/** Another container's network namespace, and what that one has in /etc. */
function join(paths: Paths, record: ContainerRecord): StartNetwork {
  const {
    name,
    options: { network },
  } = record;
  const target = readContainer(paths, network.container!);
  const first = target?.state.status === "running" ? target.state.process : undefined;
  using before = owned(first && openProcess(first));
  if (!target)
    throw new NotFoundError(
      `${name} shares the network of container ${network.container!.slice(0, 12)}, which was removed`,
      `make it anew: tinydocker rm ${name}, then create it with another --network`,
    );
  if (!first || !before) {
    const other = target.record.name;
    throw new ConflictError(
      `${name} shares the network of container ${other}, which is not running`,
      `tinydocker start ${other}`,
    );
  }
  using opened = owned(open(`/proc/${first.pid}/ns/net`, O_RDONLY));
  // It is still the same process, so that was its namespace.
  using after = owned(openProcess(first));
  if (after === undefined) throw new ConflictError(`container ${target.record.name} has ended`);
  const namespace = opened.handOff();
  const done = () => close(namespace);
  return {
    ...noEndings,
    // Init opens it by this name while we wait for it.
    namespace: `/proc/${process.pid}/fd/${namespace}`,
    ...(record.rootfs === undefined && {
      etc: etcOfTarget(paths, target).map((file) => underOwnName(file, record.options)),
    }),
    release: done,
    handOff: done,
  };
}

/** What the one whose network it is has in /etc: that one may share another's in turn. */
function etcOfTarget(paths: Paths, { record, state }: Container): EtcFile[] {
  const { mode, container } = record.options.network;
  const next = mode === "container" ? readContainer(paths, container!) : undefined;
  return next ? etcOfTarget(paths, next) : planEtcFiles(nowLinked(paths, record).options, state.network, () => {});
}

/** Its links with it, where they lead now. */
function nowLinked(paths: Paths, record: ContainerRecord): ContainerRecord {
  if (!hasLinks(record.options.network)) return record;
  return (require("./links.ts") as typeof import("./links.ts")).currentLinks(paths, record).record;
}
