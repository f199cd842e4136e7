/** The options of `run` and `create` that are about the network. */

import type { Arguments } from "../words/command.ts";

export const networkArgs = {
  network: {
    group: "Network",
    type: "string",
    formerly: "net",
    multiple: true,
    valueHint: "name",
    description: "Network: bridge (the default), none, host, container:NAME, or one made by `network create`",
  },
  publish: {
    group: "Network",
    type: "string",
    alias: "p",
    multiple: true,
    valueHint: "[ip:][port:]port[/udp]",
    description: "Publish a container port on the host; ranges are allowed",
  },
  "publish-all": {
    group: "Network",
    type: "boolean",
    alias: "P",
    description: "Publish every exposed port on a free port of the host",
  },
  expose: {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "port[/udp]",
    description: "Declare a port that the container listens on",
  },
  ip: { group: "Network", type: "string", valueHint: "address", description: "IPv4 address of the container" },
  ip6: { group: "Network", type: "string", valueHint: "address", description: "IPv6 address of the container" },
  "mac-address": {
    group: "Network",
    type: "string",
    valueHint: "mac",
    description: "MAC address of the container's first interface",
  },
  "network-alias": {
    group: "Network",
    type: "string",
    formerly: "net-alias",
    multiple: true,
    valueHint: "name",
    description: "Additional DNS name of the container",
  },
  dns: {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "address",
    description: "DNS server (the host's)",
  },
  "dns-search": {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "domain",
    description: "Search domain for host names",
  },
  link: {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "container[:alias]",
    description: "Link to another container, under an alias of its own",
  },
  "link-local-ip": {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "address",
    description: "Additional link-local address of the container",
  },
  "dns-option": {
    group: "Network",
    type: "string",
    formerly: "dns-opt",
    multiple: true,
    valueHint: "option",
    description: "DNS option for resolv.conf(5)",
  },
  "add-host": {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "name:address",
    description: "Add a line to /etc/hosts; host-gateway is the host's address",
  },
} as const satisfies Arguments;
