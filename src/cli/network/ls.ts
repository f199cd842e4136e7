/** `tinydocker network ls`: what networks there are. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { hasIpv4, hasIpv6 } from "../../engine/network/inspect.ts";
import { isBuiltin, type KnownNetwork, listKnownNetworks } from "../../engine/network/known.ts";
import { usersOfNetworks } from "../../engine/network/remove.ts";
import { UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { asPattern, booleanFilter, type Filters, labelFilter, parseFilters } from "../words/filter.ts";
import { type Listing, labelOf, labelsText, listArgs, printList } from "../words/list.ts";
import { localTime } from "../words/print.ts";

export default defineCommand({
  meta: { name: "network ls", description: "List networks" },
  args: listArgs,
  examples: ["tinydocker network ls", "tinydocker network ls -q --filter type=custom --filter dangling=true"],
  run: ({ filter, "no-trunc": full = false, ...how }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const users = usersOfNetworks(paths);
    const isUnused = (network: KnownNetwork): boolean => !isBuiltin(network) && users(network).length === 0;
    const keep = parseFilters(filter, { ...filters, dangling: booleanFilter("dangling", isUnused) });
    printList(listing(full), listKnownNetworks(paths).filter(keep), how);
    return 0;
  },
});

const filters: Filters<KnownNetwork> = {
  driver: (text) => (network) => network.driver === text,
  id: (text) => (network) => network.id.startsWith(text),
  label: labelFilter(({ labels }) => labels),
  name: (text) => {
    const pattern = asPattern(text);
    return ({ name }) => pattern.test(name);
  },
  scope: (text) => () => text === "local",
  type: (text) => {
    if (text !== "custom" && text !== "builtin")
      throw new UsageError(`--filter: there is no type ${JSON.stringify(text)}`, "custom or builtin");
    return (network) => isBuiltin(network) === (text === "builtin");
  },
};

const listing = (full: boolean): Listing<KnownNetwork> => ({
  type: "network",
  columns: {
    // One that is damaged is only found by its name.
    ID: ["NETWORK ID", ({ id, name, damage }) => (damage !== undefined ? name : full ? id : id.slice(0, 12))],
    Name: ["NAME", ({ name }) => name],
    Driver: ["DRIVER", ({ driver, damage }) => (damage === undefined ? driver : "damaged")],
    Scope: ["SCOPE", () => "local"],
    CreatedAt: ["CREATED AT", ({ created }) => localTime(created)],
    IPv4: ["IPV4", (network) => String(hasIpv4(network))],
    IPv6: ["IPV6", (network) => String(hasIpv6(network))],
    Internal: ["INTERNAL", ({ internal }) => String(internal)],
    Labels: ["LABELS", ({ labels }) => labelsText(labels)],
  },
  methods: { Label: ({ labels }, name) => labelOf(labels, name) },
  table: ["ID", "Name", "Driver", "Scope"],
  quiet: "ID",
});
