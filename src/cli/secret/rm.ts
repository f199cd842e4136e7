/** `tinydocker secret rm`: removes secrets; containers that were given one keep it. */

import { requireRoot } from "../../engine/record/root.ts";
import { listSecrets } from "../../engine/record/secret.ts";
import { removeSecret } from "../../engine/secret/store.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { forEachName } from "../words/for-each.ts";
import { printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "secret rm", description: "Remove secrets; containers that have one keep it" },
  args: {
    secret: { type: "positional", multiple: true, description: "Secret names, ids, or unique id prefixes" },
    all: { type: "boolean", alias: "a", description: "Remove every secret" },
    ignore: { type: "boolean", alias: "i", description: "Ignore names that do not exist" },
  },
  examples: ["tinydocker secret rm db-password"],
  run: ({ secret, all, ignore = false }, { root }) => {
    requireRoot("removing secrets");
    if (all ? secret.length > 0 : secret.length === 0)
      throw new UsageError(all ? "--all takes no names" : "secret rm needs a name", "or --all alone");
    const paths = pathsOf(root);
    const names = all ? listSecrets(paths).map(({ name }) => name) : secret;
    const harmless = (failure: Error) => ignore && failure instanceof NotFoundError;
    return forEachName(names, (name) => printLine(removeSecret(paths, name)), harmless);
  },
});
