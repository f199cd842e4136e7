/** `--link CONTAINER[:ALIAS]`: other containers under names of one's own, and what is told of them in the environment. Pure. */

import { UsageError } from "../../errors.ts";
import { isIpv6 } from "./address.ts";
import type { Link } from "./network.ts";
import type { ExposedPort } from "./publish.ts";
import { parseAlias } from "./resolv-conf.ts";

/** Also as `inspect` writes it: `/db:/web/alias`. */
export function parseLink(text: string): Link {
  const [given = "", after, ...more] = text.split(":");
  const container = given.replace(/^\//, "");
  const alias = after === undefined ? container : after.replace(/^.*\//, "");
  if (more.length > 0 || !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(container) || alias === "")
    throw new UsageError(
      `--link: ${JSON.stringify(text)} is not a valid link`,
      "CONTAINER[:ALIAS], as in db or db:store",
    );
  return { container, alias: parseAlias(alias, "--link") };
}

/** @throws UsageError for an alias that leads to two containers. */
export function checkLinks(links: Link[]): Link[] {
  const twice = links.find(({ alias }, index) => links.findIndex((one) => one.alias === alias) !== index);
  if (twice) throw new UsageError(`--link: the alias ${twice.alias} is given twice`);
  return links;
}

/** What is known of a container that another is linked to. */
export interface Linked {
  alias: string;
  name: string;
  hostname: string;
  /** In the default network. */
  addresses: string[];
  ports: ExposedPort[];
  /** What its image and its user have set. */
  env: string[];
}

/** What stands for it in /etc/hosts: the alias comes first. */
export const namesOfLinked = ({ alias, name, hostname }: Linked): string =>
  [...new Set([alias, hostname, name])].join(" ");

/** From so many ports in a row a range is told of, too. */
const fewestOfRange = 3;

/**
 * The variables of a link, named as by Docker: `DB_PORT`, `DB_PORT_5432_TCP_ADDR`, `DB_NAME`, `DB_ENV_...`.
 * @param parent name of the container that has the link.
 */
export function planLinkEnv(parent: string, { alias, addresses, ports, env }: Linked): string[] {
  const prefix = alias.toUpperCase().replaceAll("-", "_");
  const ip = addresses.find((address) => !isIpv6(address)) ?? addresses[0] ?? "";
  const host = isIpv6(ip) ? `[${ip}]` : ip;
  const sorted = ports.toSorted((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1));
  const keyOf = ({ port, protocol }: ExposedPort) => `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
  const urlOf = ({ port, protocol }: ExposedPort) => `${protocol}://${host}:${port}`;
  const [first] = sorted;
  return [
    ...rangesOf(sorted).flatMap(([start, end]) => [
      `${keyOf(start)}_START=${urlOf(start)}`,
      `${keyOf(start)}_PORT_START=${start.port}`,
      `${keyOf(start)}_END=${urlOf(end)}`,
      `${keyOf(start)}_PORT_END=${end.port}`,
    ]),
    ...(first ? [`${prefix}_PORT=${urlOf(first)}`] : []),
    ...sorted.flatMap((one) => [
      `${keyOf(one)}=${urlOf(one)}`,
      `${keyOf(one)}_ADDR=${ip}`,
      `${keyOf(one)}_PORT=${one.port}`,
      `${keyOf(one)}_PROTO=${one.protocol}`,
    ]),
    `${prefix}_NAME=/${parent}/${alias}`,
    ...env.filter((entry) => /^(?!HOME=|PATH=)[^=]+=/.test(entry)).map((entry) => `${prefix}_ENV_${entry}`),
  ];
}

/** First and last of those in a row. */
function rangesOf(sorted: ExposedPort[]): [ExposedPort, ExposedPort][] {
  const rows: ExposedPort[][] = [];
  for (const one of sorted) {
    const row = rows.at(-1);
    const last = row?.at(-1);
    if (last?.port === one.port - 1 && last.protocol === one.protocol) row!.push(one);
    else rows.push([one]);
  }
  return rows.filter((row) => row.length >= fewestOfRange).map((row) => [row[0]!, row.at(-1)!]);
}
