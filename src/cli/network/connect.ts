/** `tinydocker network connect`: one more network for a container. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { connectContainer } from "../../engine/network/connect.ts";
import { findContainer } from "../../engine/record/container.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { checkLinks, parseLink } from "../../plan/network/link.ts";
import { parseAlias } from "../../plan/network/resolv-conf.ts";
import { parseIp, parseMac, refuseAliases } from "../words/address.ts";
import { defineCommand } from "../words/command.ts";
import { addDriverOption, parseGwPriority, parseLinkLocalIp } from "../words/endpoint.ts";

export default defineCommand({
  meta: { name: "network connect", description: "Connect a container to a network" },
  args: {
    network: { type: "positional", required: true, description: "Network name or id" },
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    alias: { type: "string", multiple: true, valueHint: "name", description: "Additional DNS name in this network" },
    ip: { type: "string", valueHint: "address", description: "IPv4 address of the container" },
    ip6: { type: "string", valueHint: "address", description: "IPv6 address of the container" },
    "mac-address": { type: "string", valueHint: "mac", description: "MAC address of the container's interface" },
    link: {
      type: "string",
      multiple: true,
      valueHint: "container[:alias]",
      description: "Link to another container, under an alias of its own",
    },
    "link-local-ip": {
      type: "string",
      multiple: true,
      valueHint: "address",
      description: "Additional link-local address of the container",
    },
    "gw-priority": {
      type: "string",
      valueHint: "n",
      empty: "checked",
      description: "The network with the highest priority gives the default route (0)",
    },
    "driver-opt": {
      type: "string",
      multiple: true,
      valueHint: "name=value",
      description: "com.docker.network.endpoint.ifname=NAME or ...endpoint.sysctls=SETTINGS",
    },
  },
  examples: ["tinydocker network connect back web", "tinydocker network connect --alias db --ip 10.9.0.7 back store"],
  run: ({ network, container, alias, ip, ip6, link, ...args }, { root }) => {
    requireRoot("connecting containers");
    const paths = pathsOf(root);
    const { "mac-address": mac, "link-local-ip": linkLocal, "gw-priority": priority, "driver-opt": options } = args;
    const request = {
      network,
      aliases: alias.map((text) => parseAlias(text, "--alias")),
      ...(ip !== undefined && { ip: parseIp("--ip", ip, 4) }),
      ...(ip6 !== undefined && { ip6: parseIp("--ip6", ip6, 6) }),
      ...(mac !== undefined && { mac: parseMac("--mac-address", mac) }),
      ...(link.length > 0 && { links: checkLinks(link.map(parseLink)) }),
      ...(linkLocal.length > 0 && {
        linkLocalIps: linkLocal.map((text) => parseLinkLocalIp("--link-local-ip", text)),
      }),
      ...(priority !== undefined && { gwPriority: parseGwPriority("--gw-priority", priority) }),
      ...(options.length > 0 && {
        driverOptions: options.reduce((all, text) => addDriverOption("--driver-opt", all, text), {}),
      }),
    };
    refuseAliases(network, alias);
    recoverIfAllowed(paths);
    connectContainer(paths, findContainer(paths, container), request);
    return 0;
  },
});
