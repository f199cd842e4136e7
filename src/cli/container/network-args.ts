/** The options of `run` and `create` that are about the network. */

import type { Arguments } from "../words/command.ts";

export const networkArgs = {
  network: {
    group: "Network",
    type: "string",
    formerly: "net",
    multiple: true,
    valueHint: "name",
    description: "Its network: bridge (the default), none, host, container:NAME, or those of `network create`",
  },
  publish: {
    group: "Network",
    type: "string",
    alias: "p",
    multiple: true,
    valueHint: "[ip:][port:]port[/udp]",
    description: "Lead a port of the host to one of the container; ranges too",
  },
  "publish-all": {
    group: "Network",
    type: "boolean",
    alias: "P",
    description: "Publish every exposed port at one that is free",
  },
  expose: {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "port[/udp]",
    description: "Say that it serves this port",
  },
  ip: { group: "Network", type: "string", valueHint: "address", description: "Its IPv4 address" },
  ip6: { group: "Network", type: "string", valueHint: "address", description: "Its IPv6 address" },
  "mac-address": {
    group: "Network",
    type: "string",
    valueHint: "mac",
    description: "The hardware address of its first device",
  },
  "network-alias": {
    group: "Network",
    type: "string",
    formerly: "net-alias",
    multiple: true,
    valueHint: "name",
    description: "Another name it is found by",
  },
  dns: {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "address",
    description: "Servers to ask for names (the host's)",
  },
  "dns-search": {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "domain",
    description: "Domains that short names are in",
  },
  "dns-option": {
    group: "Network",
    type: "string",
    formerly: "dns-opt",
    multiple: true,
    valueHint: "option",
    description: "An option of resolv.conf(5)",
  },
  "add-host": {
    group: "Network",
    type: "string",
    multiple: true,
    valueHint: "name:address",
    description: "A line for /etc/hosts; host-gateway is the host's address",
  },
} as const satisfies Arguments;
