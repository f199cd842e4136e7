/** Who we are at a registry: looked up in the files and programs of Docker and podman, and written where Docker has it. */

import {
  type AuthFile,
  hasCredentials,
  helperOf,
  keysOf,
  readAuthFile,
  storedCredentials,
  withCredentials,
  withoutCredentials,
} from "./auth-file.ts";
import { type AuthPlace, authPlaces } from "./auth-places.ts";
import { changeAuthFile } from "./auth-write.ts";
import { eraseInHelper, getFromHelper, type Helper, storeInHelper } from "./credential-helper.ts";
import { credentialsKey } from "./names.ts";
import type { Credentials } from "./settings.ts";

type Environment = Record<string, string | undefined>;

/** @param path of a repository: podman may have other credentials for a part of a registry */
export async function findCredentials(
  host: string,
  path: string | undefined,
  environment: Environment,
): Promise<Credentials | undefined> {
  const keys = keysOf(host, path);
  for (const place of authPlaces(environment)) {
    const file = readAuthFile(place.path);
    const found = file && (await findIn(file, place, keys, host, environment));
    if (found) return found;
  }
  return undefined;
}

async function findIn(
  file: AuthFile,
  place: AuthPlace,
  keys: string[],
  host: string,
  environment: Environment,
): Promise<Credentials | undefined> {
  const helper = helperOf(file, keys);
  const kept = helper && (await getFromHelper(helperFor(helper.name, place, environment), keyFor(helper.key, host)));
  return kept ?? storedCredentials(file, keys, place.path);
}

/** A program knows a registry by what Docker calls it, or by the key that the file has for it. */
const keyFor = (key: string, host: string): string => (key.startsWith(`${host}/`) ? credentialsKey(host) : key);

const helperFor = (name: string, { person }: AuthPlace, environment: Environment): Helper => ({
  name,
  person,
  environment,
});

/** Where credentials went. */
export type Kept = { file: string } | { helper: string };

/** @returns where they are now: in the first of the files, or with the program that it names */
export async function keepCredentials(host: string, credentials: Credentials, environment: Environment): Promise<Kept> {
  const place = authPlaces(environment)[0]!;
  const file = readAuthFile(place.path) ?? {};
  const key = credentialsKey(host);
  const helper = helperOf(file, [key]);
  if (!helper) {
    changeAuthFile(place, (now) => withCredentials(now, key, credentials));
    return { file: place.path };
  }
  await storeInHelper(helperFor(helper.name, place, environment), key, credentials);
  // Docker lists by these entries for which registries there is something.
  changeAuthFile(place, (now) => withCredentials(now, key, "elsewhere"));
  return { helper: helper.name };
}

/** @returns whether there were any: all files that we look at are cleared of them */
export async function dropCredentials(host: string, environment: Environment): Promise<boolean> {
  const keys = keysOf(host);
  let wereThere = false;
  for (const place of authPlaces(environment)) {
    const file = readAuthFile(place.path);
    if (!file) continue;
    const helper = helperOf(file, keys);
    if (helper) {
      const program = helperFor(helper.name, place, environment);
      const key = keyFor(helper.key, host);
      if ((await getFromHelper(program, key)) !== undefined) {
        await eraseInHelper(program, key);
        wereThere = true;
      }
    }
    if (!hasCredentials(file, keys)) continue;
    wereThere = true;
    changeAuthFile(place, (now) => withoutCredentials(now, keys));
  }
  return wereThere;
}
