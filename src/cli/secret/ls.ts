/** `tinydocker secret ls`: what secrets there are; never what they are. */

import { type AnySecret, listSecrets } from "../../engine/record/secret.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { asPattern, labelFilter, parseFilters } from "../words/filter.ts";
import { type Listing, labelOf, labelsText, listArgs, printList } from "../words/list.ts";
import { humanAge } from "../words/print.ts";

const { "no-trunc": _whole, ...ownListArgs } = listArgs;

export default defineCommand({
  meta: { name: "secret ls", description: "List secrets" },
  args: ownListArgs,
  examples: ["tinydocker secret ls", "tinydocker secret ls --format '{{.Name}}'"],
  run: ({ filter, ...how }, { root }) => {
    const keep = parseFilters<AnySecret>(filter, {
      name: (text) => {
        const pattern = asPattern(text);
        return ({ name }) => pattern.test(name);
      },
      id: (text) => {
        return ({ id }) => id.startsWith(text);
      },
      label: labelFilter(({ labels }) => labels),
    });
    printList(listing, listSecrets(pathsOf(root)).filter(keep), how);
    return 0;
  },
});

const listing: Listing<AnySecret> = {
  type: "secret",
  columns: {
    ID: ["ID", ({ id, name }) => id || name],
    Name: ["NAME", ({ name }) => name],
    Driver: ["DRIVER", ({ damage }) => (damage === undefined ? "file" : "damaged")],
    CreatedAt: ["CREATED", ({ created }) => humanAge(created)],
    UpdatedAt: ["UPDATED", ({ updated }) => humanAge(updated)],
    Labels: ["LABELS", ({ labels }) => labelsText(labels)],
  },
  methods: { Label: ({ labels }, name) => labelOf(labels, name) },
  table: ["ID", "Name", "Driver", "CreatedAt", "UpdatedAt"],
  quiet: "ID",
};
