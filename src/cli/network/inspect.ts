/** `tinydocker network inspect`: all that is known of networks, and who is in them, as JSON. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { describeNetwork } from "../../engine/network/inspect.ts";
import { findKnownNetwork } from "../../engine/network/known.ts";
import { isUp, listContainers } from "../../engine/record/container.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { networksOf } from "../../plan/network/options.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printObjects } from "../words/objects.ts";

export default defineCommand({
  meta: { name: "network inspect", description: "Show details of networks as JSON" },
  args: {
    network: {
      type: "positional",
      multiple: true,
      required: true,
      description: "Network names, ids, or unique id prefixes",
    },
    ...inspectArgs,
    verbose: { type: "boolean", alias: "v", description: "Accepted as by Docker: there is no more to show" },
  },
  examples: [
    "tinydocker network inspect web",
    "tinydocker network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{println}}{{end}}' web",
  ],
  run: ({ network, format }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    printObjects("network", network, (name) => findOneNetwork(paths, name), format);
    return 0;
  },
});

export function findOneNetwork(paths: Paths, reference: string) {
  const network = findKnownNetwork(paths, reference);
  if (!network) return undefined;
  const up = listContainers(paths, "running").filter(isUp);
  return describeNetwork(
    network,
    up.filter(({ record }) => networksOf(record.options.network).includes(network.name)),
  );
}
