/** `tinydocker volume ls`: what volumes there are. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { type AnyVolume, listVolumes, mountPointOf, usersOfVolumes, type Volume } from "../../engine/record/volume.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { asPattern, booleanFilter, type Filters, labelFilter, parseFilters } from "../words/filter.ts";
import { type Listing, labelOf, listArgs, printList } from "../words/list.ts";
import { refused } from "../words/refused.ts";

const { "no-trunc": _whole, ...ownListArgs } = listArgs;

export default defineCommand({
  meta: { name: "volume ls", description: "List volumes" },
  args: { ...ownListArgs, cluster: refused("boolean", "is not supported: there are no cluster volumes") },
  examples: ["tinydocker volume ls", "tinydocker volume ls -q --filter dangling=true"],
  run: ({ filter, ...how }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const users = usersOfVolumes(paths);
    const keep = parseFilters(filter, { ...volumeFilters, dangling: booleanFilter("dangling", isUnused) });
    function isUnused({ name }: Volume): boolean {
      return users(name).length === 0;
    }
    printList(
      volumeListing((volume) => mountPointOf(paths, volume)),
      listVolumes(paths).filter(keep),
      how,
    );
    return 0;
  },
});

const volumeFilters: Filters<AnyVolume> = {
  name: (text) => {
    const pattern = asPattern(text);
    return ({ name }) => pattern.test(name);
  },
  driver: (text) => () => text === "local",
  label: labelFilter(({ labels }) => labels),
};

const unknown = () => "N/A";

export const volumeListing = (mountPoint: (volume: Volume) => string): Listing<AnyVolume> => ({
  type: "volume",
  columns: {
    Name: ["VOLUME NAME", ({ name }) => name],
    Driver: ["DRIVER", ({ damage }) => (damage === undefined ? "local" : "damaged")],
    Scope: ["SCOPE", () => "local"],
    Mountpoint: ["MOUNTPOINT", mountPoint],
    Labels: [
      "LABELS",
      ({ labels }) =>
        Object.entries(labels)
          .map(([name, value]) => `${name}=${value}`)
          .join(","),
    ],
    Links: ["LINKS", unknown],
    Size: ["SIZE", unknown],
    Group: ["GROUP", unknown],
    Availability: ["AVAILABILITY", unknown],
    Status: ["STATUS", unknown],
  },
  methods: { Label: ({ labels }, name) => labelOf(labels, name) },
  table: ["Driver", "Name"],
  quiet: "Name",
});
