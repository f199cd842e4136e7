/** `tinydocker secret create`: a value that containers are given by `run --secret`. */

import { requireRoot } from "../../engine/record/root.ts";
import { isSecretName } from "../../engine/record/secret.ts";
import { createSecret } from "../../engine/secret/store.ts";
import { InvalidError, UsageError } from "../../errors.ts";
import { O_RDONLY, readAll, withFile } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";
import { pathsOf } from "../../paths.ts";
import { readableBytes } from "../../readable-bytes.ts";
import { defineCommand } from "../words/command.ts";
import { parsePairs } from "../words/pairs.ts";
import { printDone, printLine } from "../words/print.ts";
import { refused } from "../words/refused.ts";

/** Podman's. */
const maxBytes = 512_000;

export default defineCommand({
  meta: { name: "secret create", description: "Create a secret for `run --secret`" },
  args: {
    secret: { type: "positional", required: true, description: "Secret name" },
    file: { type: "positional", required: true, description: "File with its value, or - for stdin" },
    env: { type: "boolean", description: "Take the secret from the environment variable named FILE" },
    label: { type: "string", alias: "l", multiple: true, valueHint: "key=value", description: "Set a label" },
    replace: { type: "boolean", description: "Replace a secret of this name; containers keep the old value" },
    ignore: { type: "boolean", description: "Do nothing if the secret exists already" },
    "template-driver": refused("string", "is not supported: a secret is as it was given"),
    driver: { type: "string", alias: "d", valueHint: "file", description: "Secret driver: file, the only one" },
  },
  examples: ["tinydocker secret create db-password ./password", "printf s3cret | tinydocker secret create token -"],
  run: ({ secret, file, env, label, replace = false, ignore = false, driver = "file" }, { root }) => {
    requireRoot("creating secrets");
    if (driver !== "file") throw new UsageError(`--driver: ${JSON.stringify(driver)} is not supported`, "file");
    if (!isSecretName(secret)) {
      const hint = "letters, digits and _.- between them, 253 at most";
      throw new UsageError(`${JSON.stringify(secret)} is not a valid secret name`, hint);
    }
    const value = env ? valueOfVariable(file) : readValue(file);
    if (value.length === 0) throw new UsageError(`the secret ${secret} would be empty`);
    if (value.length > maxBytes)
      throw new UsageError(
        `the secret ${secret} is larger than ${readableBytes(maxBytes)}`,
        "mount a file with --volume instead",
      );
    const labels = parsePairs("--label", label);
    const id = createSecret(pathsOf(root), { name: secret, value, labels, replace, ignore });
    printDone(`secret ${secret} is there`, () => printLine(id));
    return 0;
  },
});

function readValue(file: string): Uint8Array {
  const path = file === "-" ? "/dev/stdin" : file;
  if (statIfAny(path)?.type === "directory") throw new UsageError(`${file} is a directory, and a secret is a file`);
  try {
    return withFile(path, O_RDONLY, (fd) => readAll(fd, path, maxBytes));
  } catch (error) {
    throw error instanceof InvalidError ? tooLarge(file) : error;
  }
}

const tooLarge = (what: string) =>
  new UsageError(
    `${what} is larger than the ${readableBytes(maxBytes)} of a secret`,
    "mount a file with --volume instead",
  );

function valueOfVariable(name: string): Uint8Array {
  const value = process.env[name];
  if (value === undefined) throw new UsageError(`--env: there is no variable ${JSON.stringify(name)}`);
  if (Buffer.byteLength(value) > maxBytes) throw tooLarge(`variable ${name}`);
  return Buffer.from(value);
}
