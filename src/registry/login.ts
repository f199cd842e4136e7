/** Whether a registry takes a name and a password, asked of it as its other clients ask. */

import { Failure } from "../errors.ts";
import { failureOf } from "./answers.ts";
import { RegistryError } from "./failure.ts";
import { endpointsOf } from "./names.ts";
import { ask, newPlace } from "./place.ts";
import type { Credentials, RegistrySettings } from "./settings.ts";

/**
 * @returns what is to be kept: the same, or an identity token that the registry gives in place of the password
 * @throws RegistryError where it does not take them
 */
export async function checkCredentials(
  host: string,
  credentials: Credentials,
  settings: RegistrySettings,
): Promise<Credentials> {
  const subject = `log in to ${host}`;
  const endpoint = endpointsOf({ host, path: "" }, settings).at(-1)!;
  const place = newPlace({ ...settings, credentials: async () => credentials }, endpoint);
  place.authority.offline = true;
  try {
    const answer = await ask(place, { method: "GET", path: "/v2/", subject });
    if (answer.status === 404) throw new Failure(`cannot ${subject}: it is no registry, or one of the old version 1`);
    if (answer.status !== 200) throw await failureOf(place, subject, answer);
    await answer.drop();
  } catch (error) {
    if (!(error instanceof RegistryError) || (error.status !== 401 && error.status !== 403)) throw error;
    throw new RegistryError(error.message, error.status, error.code, "is the name right, and the password or token?");
  }
  const tokens = await Promise.all(place.authority.tokens.values());
  const identityToken = tokens.find((token) => token.identityToken !== undefined)?.identityToken;
  return identityToken === undefined ? credentials : { ...credentials, password: "", identityToken };
}
