/** What a firewall does for networks and containers, and what its drivers have in common. */

import { ConflictError } from "../../errors.ts";
import type { Network, Publication } from "../../plan/network/network.ts";

/** A port of the host, and who has it. */
export type Published = Omit<Publication, "bridge"> & {
  /** Id of the container. */
  owner: string;
};

/**
 * A driver. All of it acts on the network namespace that the process is in, may be called by several processes at once, and
 * touches nothing of others.
 */
export interface Firewall {
  /**
   * Sees to it that packets of these networks pass as they should; cheap when they do.
   * @returns true if nothing at all was there: then what others have is to be brought back.
   */
  ensure(networks: readonly Network[]): boolean;
  /**
   * After `ensure` found nothing: adds what is missing of all networks and of all that is published, and takes nothing away,
   * as others may be adding at the same time.
   */
  bringBack(networks: readonly Network[], publications: ReadonlyMap<string, readonly Publication[]>): void;
  /** Takes out what `ensure` did for a network. */
  removeNetwork(network: Network): void;
  /** Publishes all of these ports or none; those that the container has already are fine. @throws ConflictError that names the container which has one of them. */
  publish(container: string, publications: readonly Publication[]): void;
  /** Takes back those of these ports that this container has. @param how.soon we are about to end, and somebody waits for that. */
  unpublish(container: string, publications: readonly Publication[], how?: { soon: boolean }): void;
  /** Flushes the UDP flows of addresses that another container may get. */
  flush(addresses: readonly string[]): void;
  /** Makes everything anew, whatever somebody did to it: all networks, and by container all that is published. */
  reload(networks: readonly Network[], publications: ReadonlyMap<string, readonly Publication[]>): void;
  /** Takes away everything of ours: the last network is gone. */
  remove(): void;
  /** All that is published. */
  list(): Published[];
}

/** What everything of ours is called. */
export const ours = "tinydocker";
/** The comment on what belongs to one bridge, in tables of others. */
export const commentFor = (bridge: string): string => `${ours} bridge ${bridge}`;

/** Whether a publication is for all addresses of its family. */
export const isForAll = ({ hostIp }: Pick<Publication, "hostIp">): boolean => hostIp === "0.0.0.0" || hostIp === "::";
/** Numbers of protocols (protocols(5)). */
export const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const;

const withBrackets = (address: string): string => (address.includes(":") ? `[${address}]` : address);

/** A port that somebody has. */
export class PublishedError extends ConflictError {
  constructor(
    readonly publication: Publication,
    /** Id of the container, or what it is called. */
    readonly owner: string,
  ) {
    const { protocol, hostIp, hostPort } = publication;
    super(
      `port ${withBrackets(hostIp)}:${hostPort}/${protocol} is published by container ${owner}`,
      "publish another port, or remove that container",
    );
  }
}

export const conflict = (publication: Publication, owner: string): PublishedError =>
  new PublishedError(publication, owner);

/** @throws ConflictError for ports of which one is there twice. */
export function checkDistinct(container: string, publications: readonly Publication[]): void {
  const seen = new Set<string>();
  for (const publication of publications) {
    const port = `${publication.protocol} ${publication.hostIp} ${publication.hostPort}`;
    if (seen.has(port)) throw conflict(publication, container);
    seen.add(port);
  }
}
