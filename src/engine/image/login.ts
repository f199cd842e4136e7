/** Logging in to registries and out of them: what Docker and podman then know, too. */

import { dropCredentials, findCredentials, type Kept, keepCredentials } from "../../registry/credentials.ts";
import { checkCredentials } from "../../registry/login.ts";
import type { Credentials } from "../../registry/settings.ts";
import { type RegistryOptions, registrySettings } from "./registries.ts";

/** @returns where they are kept. @throws RegistryError where the registry does not take them: nothing is kept then */
export async function login(host: string, credentials: Credentials, options: RegistryOptions): Promise<Kept> {
  const kept = await checkCredentials(host, credentials, registrySettings(options));
  return await keepCredentials(host, kept, process.env);
}

/** Checks what is kept already. @returns undefined where nothing is */
export async function checkLogin(host: string, options: RegistryOptions): Promise<Credentials | undefined> {
  const known = await findCredentials(host, undefined, process.env);
  return known && (await checkCredentials(host, known, registrySettings(options)));
}

/** @returns whether anything was kept */
export const logout = (host: string): Promise<boolean> => dropCredentials(host, process.env);
