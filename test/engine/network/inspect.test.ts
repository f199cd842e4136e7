import { describe, expect, test } from "bun:test";
import {
  describeExposed,
  describeNetwork,
  describeNetworkOptions,
  describeNetworkSettings,
} from "../../../src/engine/network/inspect.ts";
import type { KnownNetwork } from "../../../src/engine/network/known.ts";
import { shownPorts } from "../../../src/engine/network/ports.ts";
import { type Container, unstarted } from "../../../src/engine/record/container.ts";
import { type NetworkOptions, noNetworkOptions } from "../../../src/plan/network/options.ts";
import { inJson } from "../../support/in-json.ts";
import { aNetwork, anEndpoint } from "../../support/network.ts";

const bridge: KnownNetwork = { ...aNetwork({ name: "bridge", id: "b".repeat(64) }), driver: "bridge" };
const web: KnownNetwork = { ...aNetwork({ name: "web", third: 8, ipv6: true, id: "c".repeat(64) }), driver: "bridge" };
const back: KnownNetwork = { ...aNetwork({ name: "back", third: 7, internal: true }), driver: "bridge" };

const container = (
  network: Partial<NetworkOptions>,
  { state = {}, status = "running", image = {} }: { state?: object; status?: string; image?: object } = {},
): Container => {
  const options = { network: { ...noNetworkOptions, ...network } };
  const record = { id: "ab".repeat(32), name: "one", defaults: image, options };
  const process = { pid: 42, startTicks: 1, bootId: "x" };
  return { record, state: { status, started: "2026-01-01T00:00:00Z", process, ...state }, status } as never;
};

const inWeb = { networks: [{ network: "web", aliases: ["www"], ip: "10.8.0.5" }] };
const connected = (networks: KnownNetwork[], ports: object[] = []) => ({
  network: {
    endpoints: networks.map((network, index) => anEndpoint(network, 5, `eth${index}`)),
    publications: [],
    ports,
  },
});

describe("describeNetworkSettings()", () => {
  test("tells of each network the addresses that it has there, and who finds it by which name", () => {
    const described = describeNetworkSettings(container(inWeb, { state: connected([web]) }), [bridge, web]);
    expect(Object.fromEntries(inJson(described.Networks))).toEqual({
      web: {
        IPAMConfig: { IPv4Address: "10.8.0.5" },
        Links: null,
        Aliases: ["www"],
        MacAddress: "02:42:0a:08:00:05",
        DriverOpts: null,
        GwPriority: 0,
        NetworkID: web.id,
        EndpointID: expect.stringMatching(/^[0-9a-f]{64}$/),
        Gateway: "10.8.0.1",
        IPAddress: "10.8.0.5",
        IPPrefixLen: 24,
        IPv6Gateway: "fd08::1",
        GlobalIPv6Address: "fd08::5",
        GlobalIPv6PrefixLen: 64,
        DNSNames: ["one", "www", "abababababab"],
      },
    });
    expect(described).toMatchObject({ IPAddress: "", Gateway: "", SandboxKey: "/proc/42/ns/net" });
  });
  test("says the same at the top for the default network, in which nobody has a name", () => {
    const described = describeNetworkSettings(container({}, { state: connected([bridge]) }), [bridge]);
    const first = inJson(described.Networks.get("bridge")!);
    expect(first).toMatchObject({ IPAddress: "10.9.0.5", Gateway: "10.9.0.1", DNSNames: null, Aliases: null });
    expect(described).toMatchObject({
      IPAddress: "10.9.0.5",
      IPPrefixLen: 24,
      Gateway: "10.9.0.1",
      MacAddress: first.MacAddress,
      EndpointID: first.EndpointID,
    });
  });
  test("has no gateway for an internal network", () => {
    const inBack = { networks: [{ network: "back", aliases: [] }] };
    const { Networks } = describeNetworkSettings(container(inBack, { state: connected([back]) }), [back]);
    expect(Networks.get("back")).toMatchObject({ Gateway: "", IPAddress: "10.7.0.5" });
  });
  test("knows the network of one that has ended, and no address; of one that never ran not even that", () => {
    const last = connected([bridge], [{ protocol: "tcp", hostIp: "0.0.0.0", hostPort: 80, port: 80 }]);
    const ended = describeNetworkSettings(container({}, { state: last, status: "exited" }), [bridge]);
    expect(ended.Networks.get("bridge")).toMatchObject({ NetworkID: bridge.id, EndpointID: "", IPAddress: "" });
    expect(ended).toMatchObject({ IPAddress: "", SandboxKey: "", Ports: new Map() });
    const created = { ...container({}, { status: "created" }), state: unstarted };
    expect(describeNetworkSettings(created, [bridge]).Networks.get("bridge")).toMatchObject({ NetworkID: "" });
  });
  test("calls none and host by their names, and one that shares another's network is in none", () => {
    const host: KnownNetwork = { ...bridge, name: "host", driver: "host", subnets: [] };
    const { Networks } = describeNetworkSettings(container({ mode: "host", networks: [] }), [host]);
    expect([...Networks.keys()]).toEqual(["host"]);
    expect(inJson(Networks.get("host"))).toMatchObject({ NetworkID: host.id, IPAddress: "", DNSNames: null });
    const joined = container({ mode: "container", container: "x", networks: [] });
    expect(describeNetworkSettings(joined, [host]).Networks.size).toBe(0);
  });
});

const asked: Partial<NetworkOptions> = {
  publish: [
    { protocol: "tcp", port: 80, hostPorts: { first: 8080, last: 8080 } },
    { protocol: "tcp", port: 80, hostIp: "127.0.0.1", hostPorts: { first: 9000, last: 9010 } },
    { protocol: "udp", port: 53 },
  ],
  expose: [{ protocol: "tcp", port: 443 }],
};

describe("ports", () => {
  test("those that are asked for are in Docker's words", () => {
    const { PortBindings, ...rest } = describeNetworkOptions({ ...noNetworkOptions, ...asked });
    expect(Object.fromEntries(PortBindings)).toEqual({
      "80/tcp": [
        { HostIp: "", HostPort: "8080" },
        { HostIp: "127.0.0.1", HostPort: "9000-9010" },
      ],
      "53/udp": [{ HostIp: "", HostPort: "" }],
    });
    expect(inJson(rest)).toEqual({
      PublishAllPorts: false,
      Links: null,
      Dns: [],
      DnsOptions: [],
      DnsSearch: [],
      ExtraHosts: null,
    });
  });
  test("the image's are exposed like those of --expose and --publish, and what is no port is left out", () => {
    const one = container(asked, { image: { ExposedPorts: { "80": {}, "70-71/tcp": {}, nonsense: {} } } });
    expect([...describeExposed(one.record)!.keys()]).toEqual(["53/udp", "70/tcp", "71/tcp", "80/tcp", "443/tcp"]);
    expect(describeExposed(container({}).record)).toBeUndefined();
  });
  test("of one that runs those that are published say where, and the others are null", () => {
    const ports = ["0.0.0.0", "::"].map((hostIp) => ({ protocol: "tcp", hostIp, hostPort: 8080, port: 80 }));
    const one = container({ ...asked, publish: asked.publish!.slice(0, 1) }, { state: connected([bridge], ports) });
    expect(Object.fromEntries(inJson(describeNetworkSettings(one, [bridge]).Ports))).toEqual({
      "80/tcp": [
        { HostIp: "0.0.0.0", HostPort: "8080" },
        { HostIp: "::", HostPort: "8080" },
      ],
      "443/tcp": null,
    });
    expect(shownPorts({ ...one, status: "exited" })).toEqual([]);
  });
});

test("describeNetwork() tells of a network and of those who are in it", () => {
  const one = container(inWeb, { state: connected([web]) });
  const described = describeNetwork({ ...web, labels: { a: "b" }, options: { mtu: "1400" } }, [one]);
  expect(described).toMatchObject({
    Name: "web",
    Driver: "bridge",
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: "10.8.0.0/24", IPRange: "", Gateway: "10.8.0.1" }, { Subnet: "fd08::/64" }] },
    Options: new Map([["mtu", "1400"]]),
    Labels: new Map([["a", "b"]]),
  });
  expect(described.Containers.get(one.record.id)).toEqual({
    Name: "one",
    EndpointID: expect.stringMatching(/^[0-9a-f]{64}$/),
    MacAddress: "02:42:0a:08:00:05",
    IPv4Address: "10.8.0.5/24",
    IPv6Address: "fd08::5/64",
  });
});
