/** The secrets of a container: found by name when it is created, from then on copies of its own. */

import type { Mount } from "../../oci/spec.ts";
import type { Paths } from "../../paths.ts";
import type { Container } from "../../plan/container.ts";
import type { RunOptions } from "../../plan/options.ts";
import { copiesOf, planSecretMounts, planSecretVariables, type SecretRequest } from "../../plan/secrets.ts";
import { readSecretVariables } from "../../runtime/mount/secrets.ts";
import { type ContainerRecord, directoryOf } from "../record/container.ts";
import { findSecret, secretData } from "../record/secret.ts";
import { planVolumes } from "./mounts.ts";

/** By name, or by the beginning of an id. @throws NotFoundError */
export const resolveSecrets = (paths: Paths, secrets: SecretRequest[]): SecretRequest[] =>
  secrets.map((asked) => {
    const { id, name } = findSecret(paths, asked.secret);
    return { ...asked, secret: name, id };
  });

/** All mounts, those above before those below. */
export function planWithSecrets(
  paths: Paths,
  id: string,
  options: RunOptions,
  first: boolean,
  warn: (text: string) => void,
) {
  const { mounts, steps } = planVolumes(paths, id, options.mounts, first, warn);
  const depth = ({ destination }: Mount) => destination.split("/").length;
  const all = [...mounts, ...planSecretMounts(options.secrets!, directoryOf(paths, id))];
  return { mounts: all.sort((a, b) => depth(a) - depth(b)), steps };
}

export const planSecrets = (
  paths: Paths,
  directory: string,
  secrets: SecretRequest[],
): NonNullable<Container["secrets"]> => ({
  directory: copiesOf(directory),
  sources: secrets.map(({ secret }) => secretData(paths, secret)),
  variables: planSecretVariables(secrets, directory),
});

/** Those that are variables, for another process in it: `NAME=value`. */
export const secretVariables = (paths: Paths, { id, options }: ContainerRecord): string[] =>
  options.secrets ? readSecretVariables(planSecretVariables(options.secrets, directoryOf(paths, id))) : [];
