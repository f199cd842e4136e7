/** `tinydocker secret inspect`: what is known of secrets, but for their values, which are only shown to who asks for them. */

import { findAnySecret, type Secret, secretData } from "../../engine/record/secret.ts";
import { readFile } from "../../linux/file.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printObjects } from "../words/objects.ts";
import { refused } from "../words/refused.ts";

export default defineCommand({
  meta: { name: "secret inspect", description: "Show details of secrets as JSON" },
  args: {
    secret: { type: "positional", multiple: true, required: true, description: "Secret names, ids, or id prefixes" },
    ...inspectArgs,
    pretty: refused("boolean", "is not supported", "-f '{{.Spec.Name}} {{.CreatedAt}}' prints what it is asked for"),
    showsecret: { type: "boolean", description: "Show the values, too" },
  },
  examples: ["tinydocker secret inspect db-password", "tinydocker secret inspect -f '{{.Spec.Name}}' db-password"],
  run: ({ secret, format, showsecret = false }, { root }) => {
    const paths = pathsOf(root);
    const find = (reference: string) => {
      const found = findAnySecret(paths, reference);
      return found && describe(paths, found, showsecret);
    };
    printObjects("secret", secret, find, format);
    return 0;
  },
});

/** By the names `podman secret inspect` uses. */
const describe = (paths: Paths, { id, name, created, updated, labels }: Secret, withValue: boolean) => ({
  ID: id,
  CreatedAt: created,
  UpdatedAt: updated,
  Spec: {
    Name: name,
    Driver: { Name: "file", Options: new Map<string, string>() },
    Labels: new Map(Object.entries(labels)),
  },
  ...(withValue && { SecretData: readFile(secretData(paths, name)) }),
});
