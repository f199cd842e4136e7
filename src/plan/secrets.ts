/** Secrets of a container: which of its own copies becomes what inside. Pure; no value of one is ever part of a plan. */

import type { Mount } from "../oci/spec.ts";
import { secretOption } from "./rare/mount-options.ts";

/** One `--secret`. A container has copies of its own: what happens to the secret later is nothing to it. */
export interface SecretRequest {
  /** As the user named it; its own name once it was found. */
  secret: string;
  id?: string;
  type: "mount" | "env";
  /** An absolute path of a file, or the name of a variable. */
  target: string;
  uid: number;
  gid: number;
  /** Permission bits. */
  mode: number;
}

export const secretsDirectory = "/run/secrets";

/** Of the copies in a container's directory; they are called by their place in the list of its secrets. */
export const copiesOf = (directory: string): string => `${directory}/secrets`;

const attributes = ["nosuid", "nodev", "noexec"];

/** A directory of memory for all that go into /run/secrets, and a file of memory for each other. */
export function planSecretMounts(secrets: readonly SecretRequest[], directory: string): Mount[] {
  const numbered = secrets.flatMap((secret, number) => (secret.type === "mount" ? [{ ...secret, number }] : []));
  const inDirectory = numbered.filter(({ target }) => target.startsWith(`${secretsDirectory}/`));
  const source = copiesOf(directory);
  const bind = (destination: string, files: string[]): Mount => {
    return { destination, type: "bind", source, options: ["ro", ...attributes, ...files] };
  };
  return [
    ...(inDirectory.length > 0
      ? [
          bind(
            secretsDirectory,
            inDirectory.map((one) => optionFor(one, one.target.slice(secretsDirectory.length + 1))),
          ),
        ]
      : []),
    ...numbered.filter((one) => !inDirectory.includes(one)).map((one) => bind(one.target, [optionFor(one, "")])),
  ];
}

type Numbered = Pick<SecretRequest, "uid" | "gid" | "mode"> & { number: number };

const optionFor = ({ number, uid, gid, mode }: Numbered, name: string): string =>
  `${secretOption}=${number}:${uid}:${gid}:${mode.toString(8)}:${name}`;

/** The variables, and the copies that are their values. */
export const planSecretVariables = (secrets: readonly SecretRequest[], directory: string): SecretVariable[] =>
  secrets.flatMap(({ type, target }, number) =>
    type === "env" ? [{ name: target, path: `${copiesOf(directory)}/${number}` }] : [],
  );

export interface SecretVariable {
  name: string;
  path: string;
}
