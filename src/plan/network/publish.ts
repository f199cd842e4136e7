/** Ports of the host that lead to a container's: what `--publish`, `--expose` and `--publish-all` say. Pure. */

import { UsageError } from "../../errors.ts";
import { formatAddress, isIpv6, readAddress } from "./address.ts";
import type { Protocol } from "./network.ts";

/** Ports from first to last, both among them. */
export interface PortRange {
  first: number;
  last: number;
}

/** One port of a container that is to be published. */
export interface PortRequest {
  protocol: Protocol;
  /** Of the container. */
  port: number;
  /** All addresses of the host, IPv4 and IPv6, if absent. */
  hostIp?: string;
  /** Any of these; any that is free if absent. */
  hostPorts?: PortRange;
}

/** One port that a container says it listens on. */
export interface ExposedPort {
  protocol: Protocol;
  port: number;
}

const protocols: readonly string[] = ["tcp", "udp", "sctp"] satisfies Protocol[];
const publishForm = "[ADDRESS:][HOSTPORT:]PORT[/tcp|udp|sctp], as in 8080:80, 127.0.0.1:53:53/udp or [::1]:8080:80";

/**
 * `--publish [ip:][hostPort]:containerPort[/protocol]`, where ports may be ranges: as many of the host's as of the
 * container's, or any number of the host's for one of the container's, which gets the first that is free.
 * @throws UsageError in Docker's words.
 */
export function parsePublish(text: string): PortRequest[] {
  const fail = (reason: string): UsageError =>
    new UsageError(`--publish: ${reason} in ${JSON.stringify(text)}`, publishForm);
  const match = /^(?:(\[[^\]]*\]|[^:[\]]*):)?(?:([^:[\]]*):)?([^:[\]/]*)(?:\/([^/]*))?$/.exec(text);
  if (!match) throw fail(/::|:.*:.*:/.test(text) ? "an IPv6 address without brackets" : "no port");
  const protocol = parseProtocol(match[4], fail);
  // With one colon, what is before it is a port.
  const [address, hostText] = match[2] === undefined ? ["", match[1] ?? ""] : [match[1] ?? "", match[2]];
  const containerText = match[3]!;
  if (containerText === "") throw fail("no port specified");
  const ports = parseRange(containerText);
  if (!ports) throw fail(`invalid containerPort: ${containerText}`);
  const hostPorts = hostText === "" || hostText === "0" ? undefined : parseRange(hostText);
  if (!hostPorts && hostText !== "" && hostText !== "0") throw fail(`invalid hostPort: ${hostText}`);
  const hostIp = parseHostIp(address, fail);
  const count = length(ports);
  if (hostPorts && count > 1 && length(hostPorts) !== count)
    throw fail(`invalid ranges specified for container and host ports: ${containerText} and ${hostText}`);
  return Array.from({ length: count }, (_, index) => ({
    protocol,
    port: ports.first + index,
    ...(hostIp === undefined ? {} : { hostIp }),
    ...(hostPorts ? { hostPorts: count > 1 ? single(hostPorts.first + index) : hostPorts } : {}),
  }));
}

const length = ({ first, last }: PortRange): number => last - first + 1;
const single = (port: number): PortRange => ({ first: port, last: port });

function parseHostIp(text: string, fail: (reason: string) => UsageError): string | undefined {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (bare === "" && text === "") return undefined;
  const bytes = readAddress(bare);
  // An IPv4 address has no brackets, and the other kind must have some.
  if (!bytes || (bytes.length === 16) !== text.startsWith("[")) throw fail(`invalid IP address: ${text}`);
  return formatAddress(bytes);
}

function parseProtocol(text: string | undefined, fail: (reason: string) => UsageError): Protocol {
  const name = (text ?? "tcp").toLowerCase();
  if (!protocols.includes(name)) throw fail(`invalid proto: ${JSON.stringify(text)}`);
  return name as Protocol;
}

/** `80` or `80-90`, from 1 to 65535. */
function parseRange(text: string): PortRange | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  return match && first >= 1 && last >= first && last <= 65535 ? { first, last } : undefined;
}

/** `--expose PORT[-PORT][/protocol]`, and the keys of an image's ExposedPorts, which have the same form. */
export function parseExpose(text: string, option = "--expose"): ExposedPort[] {
  const fail = (reason: string): UsageError =>
    new UsageError(`${option}: ${reason} in ${JSON.stringify(text)}`, "PORT[-PORT][/tcp|udp|sctp], as in 80 or 53/udp");
  const [ports = "", name, ...rest] = text.split("/");
  if (rest.length > 0) throw fail("more than one slash");
  const protocol = parseProtocol(name, fail);
  const range = parseRange(ports);
  if (!range) throw fail(`invalid port: ${ports}`);
  return Array.from({ length: length(range) }, (_, index) => ({ protocol, port: range.first + index }));
}

/**
 * All that a container publishes: what was asked for, and with `--publish-all` every exposed port that was not.
 * @throws UsageError for a port of the host that was asked for twice.
 */
export function planPublications(asked: PortRequest[], exposed: ExposedPort[], all: boolean): PortRequest[] {
  const wanted = new Map<string, PortRequest>();
  const fixedPorts = new Map<string, string[]>();
  for (const request of asked) {
    const { protocol, hostIp = "", hostPorts, port } = request;
    const fixed = hostPorts && length(hostPorts) === 1;
    const key = fixed
      ? `${hostIp} ${hostPorts.first} ${protocol}`
      : `${hostIp} ${JSON.stringify(hostPorts)} ${protocol} to ${port}`;
    if (fixed && !wanted.has(key)) refuseTwice(request, hostPorts.first, fixedPorts);
    const before = wanted.get(key);
    if (before && before.port !== port) throw twice(request, hostPorts!.first);
    wanted.set(key, request);
  }
  const open = all ? exposed : [];
  const missing = open.filter(
    ({ protocol, port }) => !asked.some((one) => one.protocol === protocol && one.port === port),
  );
  const byPort = new Map(missing.map(({ protocol, port }) => [`${port}/${protocol}`, { protocol, port }]));
  return [...wanted.values(), ...byPort.values()];
}

const twice = ({ protocol }: PortRequest, hostPort: number): UsageError =>
  new UsageError(`--publish: port ${hostPort}/${protocol} of the host is asked for twice`);

/** The addresses that a port is published on: without one, all of both families. */
export const hostAddresses = (hostIp: string | undefined): string[] => (hostIp === undefined ? everywhere : [hostIp]);
const everywhere = ["0.0.0.0", "::"];

/** All addresses of a family are also each of them. @param fixedPorts addresses by port and protocol; takes those of the request. */
function refuseTwice(request: PortRequest, hostPort: number, fixedPorts: Map<string, string[]>): void {
  const key = `${hostPort}/${request.protocol}`;
  const [before, own] = [fixedPorts.get(key) ?? [], hostAddresses(request.hostIp)];
  const clash = (a: string, b: string): boolean =>
    isIpv6(a) === isIpv6(b) && (a === b || everywhere.includes(a) || everywhere.includes(b));
  if (before.some((a) => own.some((b) => clash(a, b)))) throw twice(request, hostPort);
  fixedPorts.set(key, [...before, ...own]);
}
