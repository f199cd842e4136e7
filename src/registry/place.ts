/** One place that answers for a repository: found once, by https or http, and asked with who asks and as often as it takes. */

import { UnsupportedError } from "../errors.ts";
import { type Authority, authorization, mergeScopes, newAuthority, takeChallenge } from "./authority.ts";
import { ConnectionError } from "./failure.ts";
import { type Endpoint, mayBePlain } from "./names.ts";
import { type Answer, type Request, send } from "./request.ts";
import { patiently } from "./retry.ts";
import type { RegistrySettings } from "./settings.ts";

export interface Place {
  settings: RegistrySettings;
  endpoint: Endpoint;
  authority: Authority;
  /** `https://registry.example:5000`, once it is known. */
  origin?: Promise<string>;
  /** What every token is asked for. */
  scopes: string[];
}

/** One repository at all places that answer for it: what every operation works on. */
export interface Opened {
  /** For messages: `docker.io/library/busybox`. */
  name: string;
  host: string;
  path: string;
  settings: RegistrySettings;
  /** Those that are read from, in order; the last one is the registry itself, and the only one that is written to. */
  places: Place[];
}

/** @param actions `pull`, or `pull,push`; none for what is about no repository */
export const newPlace = (settings: RegistrySettings, endpoint: Endpoint, actions?: string): Place => ({
  settings,
  endpoint,
  authority: newAuthority(settings, endpoint),
  scopes: actions === undefined ? [] : [`repository:${endpoint.path}:${actions}`],
});

export interface PlaceRequest extends Omit<Request, "url" | "authorization"> {
  /** From `/v2/` on, or a whole URL that the place itself has named (Location). */
  path: string | URL;
  /** What it takes beside the place's own. */
  scopes?: string[] | undefined;
  /** The first answer is the last one: whoever asks tries again by himself. */
  once?: boolean | undefined;
}

/** @returns whatever it answers in the end. @throws ConnectionError, and RegistryError where there is no token to be had */
export async function ask(place: Place, request: PlaceRequest): Promise<Answer> {
  const { settings, endpoint, authority, scopes } = place;
  place.origin ??= findOrigin(place, request);
  const url = new URL(request.path, await place.origin);
  // What a registry names elsewhere gets nothing that is for the registry.
  const isOwn = url.origin === (await place.origin);
  if (url.protocol !== "https:" && !isOwn && !mayBePlain(url.host, settings))
    throw new UnsupportedError(
      `cannot ${request.subject}: ${endpoint.host} leads to ${url.protocol}//${url.host}, which is not over TLS`,
    );
  const asking = { scopes: mergeScopes(scopes, request.scopes ?? []), subject: request.subject };
  const askOnce = async (): Promise<Answer> => {
    const said = isOwn ? await authorization(authority, asking, url) : undefined;
    const answer = await send(settings, { ...request, url, authorization: said });
    if (answer.status !== 401 || !answer.isOwn || !isOwn) return answer;
    if (!(await takeChallenge(authority, asking, answer.headers.get("www-authenticate"), said))) return answer;
    await answer.drop();
    return await send(settings, { ...request, url, authorization: await authorization(authority, asking, url) });
  };
  if (request.once) return await askOnce();
  return await patiently(settings, { ...request, isMirror: endpoint.isMirror }, askOnce);
}

/** Whoever may speak plain http is asked for TLS first: only who has none gets by without. */
async function findOrigin(place: Place, { subject, signal }: PlaceRequest): Promise<string> {
  const { settings, endpoint } = place;
  const { address, plain } = endpoint;
  if (plain !== "fallback") return new URL(`${plain === "only" ? "http" : "https"}://${address}`).origin;
  const url = new URL(`https://${address}/v2/`);
  try {
    const ping = () => send(settings, { method: "GET", url, subject, signal });
    await (await patiently(settings, { subject, signal, isMirror: true }, ping)).drop();
    return url.origin;
  } catch (error) {
    if (!(error instanceof ConnectionError && error.isPlain)) {
      delete place.origin;
      throw error;
    }
    return new URL(`http://${address}`).origin;
  }
}
