/** `tinydocker network connect`: one more network for a container. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { connectContainer } from "../../engine/network/connect.ts";
import { findContainer } from "../../engine/record/container.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { pathsOf } from "../../paths.ts";
import { parseAlias } from "../../plan/resolv-conf.ts";
import { parseIp, parseMac } from "../words/address.ts";
import { defineCommand } from "../words/command.ts";

export default defineCommand({
  meta: { name: "network connect", description: "Connect a container to a network, also while it runs" },
  args: {
    network: { type: "positional", required: true, description: "Its name or id" },
    container: { type: "positional", required: true, description: "Name, or id or the beginning of one" },
    alias: { type: "string", multiple: true, valueHint: "name", description: "Another name it is found by there" },
    ip: { type: "string", valueHint: "address", description: "Its IPv4 address" },
    ip6: { type: "string", valueHint: "address", description: "Its IPv6 address" },
    "mac-address": { type: "string", valueHint: "mac", description: "The hardware address of its device" },
  },
  examples: ["tinydocker network connect back web", "tinydocker network connect --alias db --ip 10.9.0.7 back store"],
  run: ({ network, container, alias, ip, ip6, ...args }, { root }) => {
    requireRoot("connecting containers");
    const paths = pathsOf(root);
    const mac = args["mac-address"];
    const request = {
      network,
      aliases: alias.map((text) => parseAlias(text, "--alias")),
      ...(ip !== undefined && { ip: parseIp("--ip", ip, 4) }),
      ...(ip6 !== undefined && { ip6: parseIp("--ip6", ip6, 6) }),
      ...(mac !== undefined && { mac: parseMac("--mac-address", mac) }),
    };
    recoverIfAllowed(paths);
    connectContainer(paths, findContainer(paths, container), request);
    return 0;
  },
});
