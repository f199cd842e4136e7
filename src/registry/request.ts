/**
 * One request to a host and the answer's head: without what fetch does on its own and should not (undo an encoding, drop a body at
 * a redirect, use a proxy for loopback). Redirects are followed here, and no credentials go along to another host
 * (docs/security.md R33).
 */

import { UnsupportedError } from "../errors.ts";
import { version } from "../version.ts";
import { tlsFor } from "./certificates.ts";
import { ConnectionError, connectionFailure } from "./failure.ts";
import { lengthOf } from "./headers.ts";
import { mayBePlain } from "./names.ts";
import { proxyFor } from "./proxy.ts";
import type { RegistrySettings } from "./settings.ts";
import { type Watch, watch } from "./watch.ts";

export interface Request {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: URL;
  /** Authorization, for the host of `url` and no other. */
  authorization?: string | undefined;
  headers?: Record<string, string> | undefined;
  body?: Content | undefined;
  signal?: AbortSignal | undefined;
  /** What it is for, as goes on after "cannot": `pull docker.io/library/busybox`. */
  subject: string;
}

/** What is sent. */
export interface Content {
  size: number;
  /** For each time that it is sent. `watching` is told of each piece that went, and how long the answer may take. */
  open(watching: Watch): AsyncIterable<Uint8Array> | Uint8Array | string;
}

export interface Answer {
  status: number;
  headers: Headers;
  /** Where it came from in the end. */
  url: URL;
  /** It came from the host that was asked, and not from where that sent us. */
  isOwn: boolean;
  /** The content as it comes. It ends with a failure if nothing comes for too long. */
  pieces(): AsyncIterable<Uint8Array>;
  /** All of it. @returns undefined if it is larger */
  bytes(maxBytes: number): Promise<Uint8Array | undefined>;
  /** Nobody wants the content. */
  drop(): Promise<void>;
}

const maxRedirects = 10;
/** What is read of a content that nobody wants, so that the connection serves again. */
const maxDropped = 64 << 10;

/** @throws ConnectionError. An answer of whatever status is one. */
export async function send(settings: RegistrySettings, request: Request): Promise<Answer> {
  let { url } = request;
  for (let hops = 0; ; hops++) {
    const answer = await sendOnce(settings, request, url);
    const location = redirects.has(answer.status) ? answer.headers.get("location") : null;
    if (location === null) return answer;
    // What is written goes where it was sent, or nowhere: a redirect of the old kind would make a GET of it.
    const reads = request.method === "GET" || request.method === "HEAD";
    if (!reads && answer.status !== 307 && answer.status !== 308) return answer;
    await answer.drop();
    if (hops >= maxRedirects)
      throw new ConnectionError(`cannot ${request.subject}: ${request.url.host} redirects too often`, false);
    url = redirected(settings, request.subject, url, location);
  }
}

const redirects = new Set([301, 302, 303, 307, 308]);

function redirected(settings: RegistrySettings, subject: string, from: URL, location: string): URL {
  const to = URL.parse(location, from.href);
  if (!to) throw new ConnectionError(`cannot ${subject}: ${from.host} redirects to what is not a URL`, false);
  // A name and a password in it would be sent by fetch.
  Object.assign(to, { username: "", password: "", hash: "" });
  const mayFollow = to.protocol === "https:" || from.protocol === "http:" || mayBePlain(to.host, settings);
  if (!/^https?:$/.test(to.protocol) || !mayFollow)
    throw new UnsupportedError(
      `cannot ${subject}: ${from.host} redirects to ${to.protocol}//${to.host}, which is not over TLS`,
    );
  return to;
}

async function sendOnce(settings: RegistrySettings, request: Request, url: URL): Promise<Answer> {
  const { method, subject, authorization, body } = request;
  const { stallMs } = settings.patience;
  const silent = () => new ConnectionError(`cannot ${subject}: ${url.host} was silent for ${stallMs / 1000} s`, true);
  const watching = watch(stallMs, silent, request.signal);
  const isOwn = url.origin === request.url.origin;
  // What fetch's types do not know.
  const more = { decompress: false, timeout: false, proxy: proxyFor(url, settings.environment) };
  try {
    const response = await fetch(url, {
      method,
      headers: {
        "user-agent": `tinydocker/${version}`,
        "accept-encoding": "identity",
        ...request.headers,
        ...(isOwn && authorization !== undefined && { authorization }),
        ...(body && { "content-length": String(body.size) }),
      },
      redirect: "manual",
      signal: watching.signal,
      ...(body && { body: body.open(watching) as unknown as ReadableStream }),
      ...(url.protocol === "https:" && { tls: tlsFor(url.host, settings) }),
      ...(more as object),
    });
    watching.pause();
    return answerOf(response, request, { url, isOwn, watching });
  } catch (error) {
    watching.end();
    throw reasonOf(error, request, url);
  }
}

/** Whoever gave up wants to hear his own reason. */
const reasonOf = (error: unknown, { signal, subject }: Request, url: URL): unknown =>
  signal?.aborted ? signal.reason : connectionFailure(error, subject, url.host);

function answerOf(
  response: Response,
  request: Request,
  { url, isOwn, watching }: { url: URL; isOwn: boolean; watching: Watch },
): Answer {
  const { status, headers, body } = response;
  if (body === null || request.method === "HEAD") watching.end();
  async function* pieces(): AsyncIterable<Uint8Array> {
    if (body === null) return;
    const reader = body.getReader();
    let isWhole = false;
    try {
      for (;;) {
        watching.alive();
        const { done, value } = await reader.read();
        watching.pause();
        if (done) break;
        yield value;
      }
      isWhole = true;
    } catch (error) {
      throw reasonOf(error, request, url);
    } finally {
      watching.end();
      if (!isWhole) reader.cancel().catch(() => {});
    }
  }
  const bytes = async (maxBytes: number): Promise<Uint8Array | undefined> => {
    if ((lengthOf(headers.get("content-length")) ?? 0) > maxBytes) {
      await body?.cancel();
      watching.end();
      return undefined;
    }
    const all: Uint8Array[] = [];
    let size = 0;
    for await (const piece of pieces()) {
      size += piece.length;
      if (size > maxBytes) return undefined;
      all.push(piece);
    }
    return Buffer.concat(all);
  };
  const drop = async (): Promise<void> => {
    if (request.method === "HEAD") return;
    // However it ends, its answer is known.
    await bytes(maxDropped).catch(() => {});
  };
  return { status, headers, url, isOwn, pieces, bytes, drop };
}
