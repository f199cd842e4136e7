/** `tinydocker secret inspect`: what is known of secrets, but for their values, which are only shown to who asks for them. */

import { findAnySecret, type Secret, secretData } from "../../engine/record/secret.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { readKeptFile } from "../../record-file.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printObjects } from "../words/objects.ts";

export default defineCommand({
  meta: { name: "secret inspect", description: "Show details of secrets as JSON" },
  args: {
    secret: { type: "positional", multiple: true, required: true, description: "Secret names, ids, or id prefixes" },
    ...inspectArgs,
    pretty: { type: "boolean", description: "Print for people, not as JSON; --format is ignored" },
    showsecret: { type: "boolean", description: "Show the values, too" },
  },
  examples: ["tinydocker secret inspect db-password", "tinydocker secret inspect -f '{{.Spec.Name}}' db-password"],
  run: ({ secret, format, pretty = false, showsecret = false }, { root }) => {
    const paths = pathsOf(root);
    const find = (reference: string) => {
      const found = findAnySecret(paths, reference);
      return found && describe(paths, found, showsecret);
    };
    printObjects(
      "secret",
      secret,
      find,
      pretty ? `${prettyTemplate}${showsecret ? "\nSecret:           {{.SecretData}}" : ""}` : format,
    );
    return 0;
  },
});

/** In the order and with the labels that Docker and podman print. */
const prettyTemplate = [
  "ID:               {{.ID}}",
  "Name:             {{.Spec.Name}}",
  "{{with .Spec.Labels}}Labels:{{range $name, $value := .}}\n - {{$name}}{{with $value}}={{.}}{{end}}{{end}}\n{{end -}}",
  "Driver:           {{.Spec.Driver.Name}}",
  "Created at:       {{.CreatedAt}}",
  "Updated at:       {{.UpdatedAt}}",
].join("\n");

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
  ...(withValue && { SecretData: new TextDecoder().decode(readKeptFile(secretData(paths, name))) }),
});
