/** `tinydocker network reload`: makes bridges and rules anew, after somebody has flushed or deleted them. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { useFirewall } from "../../engine/network/firewall.ts";
import { reloadNetworks } from "../../engine/network/reload.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { printDone, printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "network reload", description: "Recreate the bridges and firewall rules of running containers" },
  args: {
    firewall: {
      type: "string",
      valueHint: "nft|iptables",
      description: "Switch to this firewall (nft, where the kernel supports it)",
    },
  },
  examples: ["tinydocker network reload", "tinydocker network reload --firewall iptables"],
  run: ({ firewall }, { root }) => {
    requireRoot("setting up networks");
    if (firewall !== undefined && firewall !== "nft" && firewall !== "iptables")
      throw new UsageError(`--firewall: ${JSON.stringify(firewall)} is not supported`, "nft or iptables");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    if (firewall) useFirewall(paths, firewall);
    const reloaded = reloadNetworks(paths);
    printDone("the networks are reloaded", () => reloaded.forEach(printLine));
    return 0;
  },
});
