/** Networks as data: what a network is, what a container has in it, and which of its ports are published. Pure. */

/** A network as it is kept. */
export interface Network {
  /** 64 hexadecimal digits. */
  id: string;
  name: string;
  /** ISO 8601. */
  created: string;
  /** Name of its bridge device; empty for one that has a parent instead. */
  bridge: string;
  /** Of a macvlan or ipvlan network. */
  parent?: Parent;
  /** IPv4 first, where it has it; IPv6 where it was asked for. With a parent there may be several of a family. */
  subnets: Subnet[];
  /** No way out: no default route, nothing forwarded. */
  internal: boolean;
  /** Its containers reach each other. */
  icc: boolean;
  /** Containers of other networks do not reach its own. */
  isolate: boolean;
  /** Bytes; the kernel's 1500 if absent. */
  mtu?: number;
  /** What few networks say of their bridge. */
  rarer?: RarerSettings;
  labels: Record<string, string>;
  /** As they were given with -o. */
  options: Record<string, string>;
  /** As they were given with --ipam-opt. */
  ipamOptions?: Record<string, string>;
  /** Only kept: everybody may put containers into a network of one host. */
  attachable?: boolean;
}

export interface RarerSettings {
  /** False: what goes out keeps the container's address, and others have to know the way back. */
  masquerade?: boolean;
  /** The address of the host that ports are published on where none is said. */
  hostIp?: string;
  /** What containers' devices are called before their number: `eth`. */
  devicePrefix?: string;
}

/** What the containers of a macvlan or ipvlan network share: each has a device of its own upon one of the host's. */
export interface Parent {
  kind: "macvlan" | "ipvlan";
  /** Name of the host's device. */
  device: string;
  /** macvlan: bridge, private, vepa, passthru. ipvlan: l2, l3, l3s. */
  mode: string;
  /** Of ipvlan: bridge, private, vepa. */
  flag?: string;
  /** It is ours: a VLAN of another device (`eth0.50`), or one that leads nowhere. */
  made?: "vlan" | "dummy";
}

/** What Docker calls the driver of a network. */
export const driverOf = ({ parent }: Pick<Network, "parent">): "bridge" | Parent["kind"] => parent?.kind ?? "bridge";

/** Those that have a bridge, and rules of the firewall. */
export const withBridge = <Some extends Pick<Network, "parent">>(networks: readonly Some[]): Some[] =>
  networks.filter(({ parent }) => parent === undefined);

/** Addresses as text: `10.201.0.0/16`, `10.201.0.1`, and where given the part that containers get theirs from. */
export interface Subnet {
  subnet: string;
  gateway: string;
  range?: string;
  /** Addresses that containers do not get, by what they are called. */
  auxiliary?: Record<string, string>;
}

/** One container in one network. */
export interface Endpoint {
  network: string;
  networkId: string;
  bridge: string;
  /** Its device is one upon this one; then there is no veth. */
  parent?: Parent;
  /** The device inside: `eth0`. */
  device: string;
  /** The other end, on the host; named by the address, so that no two have one address. */
  veth: string;
  mac: string;
  mtu?: number;
  /** With the length of the subnet's prefix: `10.201.0.2/16`. */
  addresses: string[];
  /** Next hops of its default routes, one for each family at most; none in an internal network. */
  gateways: string[];
  /** All addresses of these families are on the device itself, without a next hop. */
  direct?: number[];
  /** See NetworkRequest. */
  links?: Link[];
  gwPriority?: number;
  /** Of its default routes, where it is not the number of its device. */
  metric?: number;
  /** With the length of their prefix. */
  linkLocalIps?: string[];
  /** Settings of the kernel for its device: `net/ipv4/conf/eth0/forwarding`. */
  sysctls?: Record<string, string>;
}

/** Another container under a name that only one knows. */
export interface Link {
  /** Name or id, as it was given. */
  container: string;
  /** In the default network, where nobody is found by name: which container that was. */
  id?: string;
  alias: string;
}

/** Its addresses without the length of the prefix. */
export const bare = ({ addresses }: Pick<Endpoint, "addresses">): string[] =>
  addresses.map((address) => address.split("/")[0]!);

export type Protocol = "tcp" | "udp" | "sctp";

/** A port of the host that leads to one of a container. */
export interface Publication {
  protocol: Protocol;
  /** An address of the host, IPv4 or IPv6; `0.0.0.0` and `::` are all of that family. */
  hostIp: string;
  hostPort: number;
  /** The container's address, of the same family. */
  ip: string;
  port: number;
  /** The bridge behind which it is. */
  bridge: string;
}

/** A port of the host that leads to one of a container, by whatever way. */
export interface PublishedPort {
  protocol: Protocol;
  /** `0.0.0.0` and `::` are all addresses of that family. */
  hostIp: string;
  hostPort: number;
  /** Of the container. */
  port: number;
}

/** A file below /etc by its name. */
export interface EtcFile {
  name: "hosts" | "hostname" | "resolv.conf";
  text: string;
}

/** What is done on the host for the networks of one start. The first two are done before the rest can be planned. */
export type NetworkStep =
  | { do: "lease"; network: string; address: string }
  | { do: "port"; protocol: Protocol; hostIp: string; hostPort: number }
  | { do: "bridge"; network: Network }
  | { do: "parent"; network: Network }
  | { do: "firewall"; networks: Network[] }
  | { do: "endpoint"; endpoint: Endpoint }
  | { do: "publish"; publications: Publication[] }
  | { do: "names"; network: string; names: Names }
  | EventSourceStep;

/** What goes on beside the container, in its monitor. */
export type EventSourceStep =
  | ({ do: "resolver"; networks: string[]; forward: boolean } & ResolverPlan)
  | { do: "relay"; ports: PublishedPort[]; to: { ipv4?: string; ipv6?: string } };

/** Whom the resolver of a container asks. */
export interface ResolverPlan {
  servers: string[];
  /** Names without a dot are tried with a search domain first. */
  searchFirst: boolean;
}

/** What a container is found by in one network. */
export interface Names {
  name: string;
  aliases: string[];
  /** Without prefix length. */
  addresses: string[];
}

/** What a container has of its networks while it runs. */
export interface Connected {
  endpoints: Endpoint[];
  /** What NAT redirects. */
  publications: Publication[];
  ports: PublishedPort[];
}

/** The networks of one start, planned when addresses and ports are ours. */
export interface Connection extends Connected {
  reserve: NetworkStep[];
  connect: NetworkStep[];
  /** Of its resolver, if it has one now or later. */
  resolver: ResolverPlan;
}

/** What is left of a plan when it is done. */
export const connectedOf = ({ endpoints, publications, ports }: Connected): Connected => ({
  endpoints,
  publications,
  ports,
});
