/**
 * Links (`--link`): containers of the default network that another one finds under names of its own, in its /etc/hosts and its
 * environment. In other networks the resolver knows them (network/dns/answer.ts). Loaded for containers that have some.
 */

import { ConflictError, NotFoundError } from "../../errors.ts";
import type { Paths } from "../../paths.ts";
import { type Linked, namesOfLinked, planLinkEnv } from "../../plan/network/link.ts";
import { bare, type Link } from "../../plan/network/network.ts";
import { defaultNetwork, type NetworkRequest } from "../../plan/network/options.ts";
import {
  type Container,
  type ContainerRecord,
  findContainer,
  isUp,
  readContainer,
  writeRecord,
} from "../record/container.ts";
import { readName } from "../record/container-name.ts";
import { exposedPorts } from "./ports.ts";

export const linksOf = ({ options }: ContainerRecord): Link[] =>
  options.network.networks.find(({ network }) => network === defaultNetwork)?.links ?? [];

/** What a link leads to: the container that was there when it was made, or who has its name since that one was removed. */
function targetOf(paths: Paths, { id, container }: Link): Container | undefined {
  const same = id === undefined ? undefined : readContainer(paths, id);
  const named = same ? undefined : readName(paths, container);
  return same ?? (named === undefined ? undefined : readContainer(paths, named));
}

/** @throws ConflictError for one that does not run: it has no address. */
function readLinked(paths: Paths, { record }: Pick<Container, "record">, link: Link): Linked {
  const target = targetOf(paths, link);
  if (!target)
    throw new NotFoundError(
      `${record.name} is linked to container ${link.container}, which was removed`,
      `tinydocker rm --link ${record.name}/${link.alias} takes the link away`,
    );
  const { name, id, options, defaults } = target.record;
  const endpoint = target.state.network?.endpoints.find(({ network }) => network === defaultNetwork);
  if (!isUp(target))
    throw new ConflictError(
      `${record.name} is linked to container ${name}, which is not running`,
      `tinydocker start ${name}`,
    );
  if (!endpoint)
    throw new ConflictError(
      `${record.name} is linked to container ${name}, which is not in the default network`,
      "put both into one network of `tinydocker network create`: there they find each other by name",
    );
  return {
    alias: link.alias,
    name,
    hostname: options.hostname ?? id.slice(0, 12),
    addresses: bare(endpoint),
    ports: exposedPorts(target.record),
    env: [...(defaults.Env ?? []), ...options.env],
  };
}

/** What a container gets of its links when it starts. */
export function startLinks(paths: Paths, record: ContainerRecord): { record: ContainerRecord; env: string[] } {
  const linked = linksOf(record).map((link) => readLinked(paths, { record }, link));
  return { record: withHosts(record, linked), env: linked.flatMap((one) => planLinkEnv(record.name, one)) };
}

/** The record with the links as lines for its /etc/hosts. */
function withHosts(record: ContainerRecord, linked: Linked[]): ContainerRecord {
  const lines = linked.flatMap((one) => one.addresses.map((address) => ({ name: namesOfLinked(one), address })));
  const { network } = record.options;
  return { ...record, options: { ...record.options, network: { ...network, hosts: [...network.hosts, ...lines] } } };
}

/** The same while it runs, for those links that lead somewhere; and by which names their lines are known. */
export function currentLinks(paths: Paths, record: ContainerRecord): { record: ContainerRecord; aliases: string[] } {
  const links = linksOf(record);
  const linked = links.flatMap((link) => {
    try {
      return [readLinked(paths, { record }, link)];
    } catch {
      return []; // it has ended
    }
  });
  return { record: withHosts(record, linked), aliases: links.map(({ alias }) => alias) };
}

/** `rm --link PARENT/ALIAS`: takes a link away; one that runs keeps what it has of it. */
export function removeLink(paths: Paths, reference: string): void {
  const [, parent = "", alias = ""] = /^\/?([^/]+)\/([^/]+)$/.exec(reference) ?? [];
  if (alias === "") throw new NotFoundError(`no such link: ${reference}`, "CONTAINER/ALIAS, as in web/db");
  const { record } = findContainer(paths, parent);
  const without = (request: NetworkRequest): NetworkRequest => {
    const { links = [], ...rest } = request;
    const left = links.filter((link) => link.alias !== alias);
    return left.length > 0 ? { ...rest, links: left } : rest;
  };
  const { network } = record.options;
  if (!network.networks.some(({ links }) => links?.some((link) => link.alias === alias)))
    throw new NotFoundError(`no such link: ${reference}`, `tinydocker inspect ${parent} shows its links`);
  const networks = network.networks.map(without);
  writeRecord(paths, { ...record, options: { ...record.options, network: { ...network, networks } } });
}

/** The record with links under the names that containers have now. */
export function withCurrentNames(paths: Paths, record: ContainerRecord): ContainerRecord {
  const { network } = record.options;
  const networks = network.networks.map((request) =>
    request.links ? { ...request, links: request.links.map((link) => renamed(paths, link)) } : request,
  );
  return { ...record, options: { ...record.options, network: { ...network, networks } } };
}

const renamed = (paths: Paths, link: Link): Link => ({
  ...link,
  container: (link.id === undefined ? undefined : readContainer(paths, link.id)?.record.name) ?? link.container,
});
