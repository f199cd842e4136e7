/** Tokens that allow something for a while (Bearer). @see https://distribution.github.io/distribution/spec/auth/token/ */

import { InvalidError, UnsupportedError } from "../errors.ts";
import { fields, parseJson, text } from "../oci/json.ts";
import { lie, RegistryError, readError, refusal } from "./failure.ts";
import { mediaTypeOf } from "./headers.ts";
import { mayBePlain } from "./names.ts";
import { type Answer, send } from "./request.ts";
import { patiently } from "./retry.ts";
import type { Credentials, RegistrySettings } from "./settings.ts";

export interface TokenRequest {
  /** Who gives it: a URL that the registry names. */
  realm: string;
  service: string | undefined;
  /** `repository:library/busybox:pull`. */
  scopes: string[];
  /** The registry that it is for. */
  host: string;
  subject: string;
  signal?: AbortSignal | undefined;
}

export interface Token {
  text: string;
  /** When it ends, in ms of Date.now. */
  expiresAt: number;
  /** In place of a password from now on, if there was one that asked for it. */
  identityToken?: string;
}

const maxBytes = 1 << 20;
/** What a token is worth that does not say. */
const defaultSeconds = 60;
/** So much earlier another one is asked for: clocks differ, and a request takes a while. */
const earlierMs = 5_000;

/**
 * Asks whoever gives tokens for the registry, by GET with a name and a password, by POST with an identity token.
 * @param offline an identity token is asked for, too
 * @throws RegistryError where it is refused. UnsupportedError where the credentials would go without TLS.
 */
export async function fetchToken(
  settings: RegistrySettings,
  request: TokenRequest,
  credentials: Credentials | undefined,
  offline = false,
): Promise<Token> {
  const { realm, host, subject } = request;
  const url = URL.parse(realm);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password)
    throw new UnsupportedError(`cannot ${subject}: ${host} names no place that gives tokens for it`);
  if (url.protocol === "http:" && !mayBePlain(url.host, settings))
    throw new UnsupportedError(
      `cannot ${subject}: ${host} wants a token from ${url.host}, which is not asked over TLS`,
      `"registries": { "${url.host}": { "insecure": true } } in the configuration file allows it`,
    );
  const asked = await patiently(settings, { subject, signal: request.signal }, () =>
    credentials?.identityToken !== undefined
      ? post(settings, request, url, credentials.identityToken)
      : get(settings, request, url, credentials, offline),
  );
  const content = await asked.bytes(maxBytes);
  if (content === undefined) throw lie(subject, url.host, `answers with more than ${maxBytes >> 10} KiB`);
  if (asked.status === 200) return readToken(content, subject, url.host);
  const said = readError(new TextDecoder().decode(content), mediaTypeOf(asked.headers));
  if (asked.status === 404) throw new RegistryError(`cannot ${subject}: ${url.host} gives no tokens`, 404, said.code);
  throw refusal(subject, url.host === URL.parse(`https://${host}`)?.host ? host : url.host, asked.status, said, {
    host,
    authenticated: credentials !== undefined,
  });
}

function readToken(content: Uint8Array, subject: string, host: string): Token {
  const where = `cannot ${subject}: the token of ${host}`;
  const optional = (value: unknown) => (typeof value === "string" ? value : undefined);
  const found = fields(parseJson(content, where), where, {
    token: text,
    access_token: text,
    expires_in: (value: unknown) => (typeof value === "number" && value > 0 ? value : undefined),
    refresh_token: optional,
  });
  const token = found.token || found.access_token;
  // It becomes part of a header.
  if (!token || !/^[\x21-\x7e]+$/.test(token)) throw new InvalidError(`${where} is none`);
  const ms = Math.max((found.expires_in ?? defaultSeconds) * 1000, 0);
  return {
    text: token,
    // One that is over at once serves the request that it was asked for.
    expiresAt: Date.now() + ms - Math.min(earlierMs, ms / 2),
    ...(found.refresh_token && { identityToken: found.refresh_token }),
  };
}

/** @see https://www.rfc-editor.org/rfc/rfc7617 */
export const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;

function get(
  settings: RegistrySettings,
  { service, scopes, subject, signal }: TokenRequest,
  realm: URL,
  { username, password }: Credentials = {},
  offline: boolean,
): Promise<Answer> {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (username !== undefined) url.searchParams.set("account", username);
  if (offline) {
    url.searchParams.set("offline_token", "true");
    url.searchParams.set("client_id", "tinydocker");
  }
  const authorization = username === undefined ? undefined : basic(username, password ?? "");
  return send(settings, { method: "GET", url, authorization, subject, signal });
}

function post(
  settings: RegistrySettings,
  { service, scopes, subject, signal }: TokenRequest,
  url: URL,
  identityToken: string,
): Promise<Answer> {
  const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: identityToken });
  form.set("client_id", "tinydocker");
  if (service !== undefined) form.set("service", service);
  form.set("scope", scopes.join(" "));
  const text = form.toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const body = { size: Buffer.byteLength(text), open: () => text };
  return send(settings, { method: "POST", url, headers, body, subject, signal });
}
