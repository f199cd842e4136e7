/** Who asks, told to one registry in the way that it wants: nothing, a name and a password (Basic), or a token (Bearer). */

import { UnsupportedError } from "../errors.ts";
import { parseChallenges } from "./challenge.ts";
import { type Endpoint, mayBePlain } from "./names.ts";
import type { Credentials, RegistrySettings } from "./settings.ts";
import { basic, fetchToken, type Token } from "./tokens.ts";

/** What one endpoint wants to know, and what it has been told. */
export interface Authority {
  settings: RegistrySettings;
  endpoint: Endpoint;
  /** What it asked for last. */
  wants?: { scheme: "basic" } | { scheme: "bearer"; realm: string; service: string | undefined };
  /** By realm, service and scopes: two requests at a time wait for the same one. */
  tokens: Map<string, Promise<Token>>;
  credentials?: Promise<Credentials | undefined>;
  /** Tokens come with an identity token, in place of the password from then on, if whoever gives them can. */
  offline?: true;
}

export const newAuthority = (settings: RegistrySettings, endpoint: Endpoint): Authority => ({
  settings,
  endpoint,
  tokens: new Map(),
});

export interface Asking {
  /** `repository:library/busybox:pull`; none for what is about no repository. */
  scopes: string[];
  subject: string;
}

export const credentialsOf = (authority: Authority): Promise<Credentials | undefined> => {
  const { host, path } = authority.endpoint;
  authority.credentials ??= authority.settings.credentials(host, path || undefined);
  return authority.credentials;
};

/** What a request says of who asks; undefined where the registry has not asked yet. @param url where it goes to */
export async function authorization(authority: Authority, asking: Asking, url: URL): Promise<string | undefined> {
  const { wants, settings } = authority;
  const credentials = wants && (await credentialsOf(authority));
  if (!wants) return undefined;
  if (credentials && url.protocol === "http:" && !mayBePlain(url.host, settings))
    throw new UnsupportedError(`cannot ${asking.subject}: credentials for ${url.host} would go without TLS`);
  if (credentials?.registryToken !== undefined) return `Bearer ${credentials.registryToken}`;
  if (wants.scheme === "bearer") return `Bearer ${(await tokenFor(authority, asking)).text}`;
  return credentials?.username === undefined ? undefined : basic(credentials.username, credentials.password ?? "");
}

/**
 * Takes in what a 401 asks for. @param refused what the request had said.
 * @returns whether it is worth to ask again: there is something else to say now
 */
export async function takeChallenge(
  authority: Authority,
  asking: Asking,
  header: string | null,
  refused: string | undefined,
): Promise<boolean> {
  const challenges = parseChallenges(header ?? "");
  const bearer = challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.realm);
  if (bearer) {
    const { realm = "", service, scope } = bearer.parameters;
    authority.wants = { scheme: "bearer", realm, service };
    asking.scopes = mergeScopes(asking.scopes, scope === undefined ? [] : scope.split(/\s+/));
    // It was refused, before its time if it ever had one.
    for (const [key, token] of authority.tokens)
      if (`Bearer ${(await token.catch(() => undefined))?.text}` === refused) authority.tokens.delete(key);
    const { registryToken } = (await credentialsOf(authority)) ?? {};
    return registryToken === undefined || refused === undefined;
  }
  if (!challenges.some(({ scheme }) => scheme === "basic")) return false;
  authority.wants = { scheme: "basic" };
  return refused === undefined && (await credentialsOf(authority))?.username !== undefined;
}

/** Without the signal of who asks: another one may wait for the same token. */
async function tokenFor(authority: Authority, { scopes, subject }: Asking): Promise<Token> {
  const { settings, endpoint, wants, tokens } = authority;
  if (wants?.scheme !== "bearer") throw new TypeError("no token is wanted");
  const key = JSON.stringify([wants.realm, wants.service, scopes]);
  const known = tokens.get(key);
  if (known && (await known).expiresAt > Date.now()) return await known;
  // While we waited another one may have asked.
  if (tokens.get(key) !== known) return await (tokens.get(key) ?? tokenFor(authority, { scopes, subject }));
  const { realm, service } = wants;
  const request = { realm, service, scopes, host: endpoint.host, subject };
  const coming = credentialsOf(authority).then((credentials) =>
    fetchToken(settings, request, credentials, authority.offline),
  );
  tokens.set(key, coming);
  coming.catch(() => tokens.delete(key));
  return await coming;
}

/** Each resource once, with all that is wanted of it, as registries write it. Pure. */
export function mergeScopes(...lists: string[][]): string[] {
  const wanted = new Map<string, Set<string>>();
  for (const scope of lists.flat()) {
    const colon = scope.lastIndexOf(":");
    if (colon <= 0) continue;
    const resource = scope.slice(0, colon);
    const actions = wanted.get(resource) ?? new Set();
    for (const action of scope.slice(colon + 1).split(",")) if (action !== "") actions.add(action);
    wanted.set(resource, actions);
  }
  return [...wanted].map(([resource, actions]) => `${resource}:${[...actions].join(",")}`);
}
