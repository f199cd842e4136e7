/** What ended containers have left in networks: addresses, devices, published ports. */

import { deleteLink, listLinks } from "../../linux/netlink/link.ts";
import { transact, withNetlink } from "../../linux/netlink/socket.ts";
import { sleepMicroseconds } from "../../linux/poll.ts";
import { openFirewall } from "../../network/firewall/choose.ts";
import { dropLease, listLeases } from "../../network/leases.ts";
import type { Paths } from "../../paths.ts";
import { vethOf } from "../../plan/network/address.ts";
import { isAlive, isUp, listContainers, readContainer } from "../record/container.ts";
import { leasesOf, listNetworks } from "../record/network.ts";
import { type Finding, fine, repairable } from "./finding.ts";

export function findNetworkLeaks(paths: Paths): Finding[] {
  const networks = listNetworks(paths);
  if (networks.length === 0) return [fine("networks", "none is made yet")];
  const found = [...networks.flatMap(({ name }) => leases(paths, name)), ...devices(paths), ...ports(paths)];
  return found.length > 0 ? found : [fine("networks", "nothing is left behind")];
}

const isRunning = (paths: Paths, id: string): boolean => {
  const container = readContainer(paths, id);
  return container !== undefined && isAlive(container.state);
};

function leases(paths: Paths, network: string): Finding[] {
  const directory = leasesOf(paths, network);
  return listLeases(directory)
    .filter(({ held, owner }) => !held && !isRunning(paths, owner))
    .map(({ address, owner }) =>
      repairable("networks", `${address} of network ${network} is kept for a container that has ended`, () =>
        dropLease(directory, address, owner),
      ),
    );
}

/** Ports of our bridges that lead nowhere: each is named by its container's address, whose lease nobody has. */
function devices(paths: Paths): Finding[] {
  const first = strayDevices(paths);
  if (first.size === 0) return [];
  // Somebody may be taking it away at this moment.
  sleepMicroseconds(soonUs);
  const still = strayDevices(paths);
  return [...first].flatMap(([device, network]) =>
    still.has(device)
      ? [
          repairable("networks", `the device ${device} of network ${network} leads to no container`, () =>
            withNetlink("ROUTE", (socket) => void transact(socket, [deleteLink(device)])),
          ),
        ]
      : [],
  );
}

const soonUs = 500_000;

/** By their names, with that of the network. */
function strayDevices(paths: Paths): Map<string, string> {
  const links = withNetlink("ROUTE", (socket) => listLinks(socket));
  const stray = new Map<string, string>();
  for (const { name, bridge } of listNetworks(paths)) {
    const index = links.find((link) => link.name === bridge)?.index;
    const known = new Set(listLeases(leasesOf(paths, name)).map(({ address }) => vethOf(address)));
    for (const link of links)
      if (index !== undefined && link.master === index && isOurs(link.name) && !known.has(link.name))
        stray.set(link.name, name);
  }
  return stray;
}

/** As `vethOf` names them. */
const isOurs = (name: string): boolean => /^veth(6[0-9a-f]+|[0-9a-f]{8})$/.test(name);

/** Those of containers that we know: rules of other state roots are beside ours. */
function ports(paths: Paths): Finding[] {
  const ended = new Map(
    listContainers(paths)
      .filter((container) => !isUp(container))
      .map((container) => [container.record.id, container]),
  );
  const firewall = openFirewall();
  return firewall.list().flatMap((published) => {
    const container = ended.get(published.owner);
    if (!container) return [];
    const { record, state } = container;
    const { hostPort, protocol } = published;
    const had = (state.network?.publications ?? []).filter(
      (one) => one.hostPort === hostPort && one.protocol === protocol,
    );
    return [
      repairable(
        "networks",
        `port ${hostPort}/${protocol} is still published for container ${record.name}, which has ended`,
        () => firewall.unpublish(record.id, had),
      ),
    ];
  });
}
