/** A blob as it comes: after a cut or a stall it goes on where it was, at the same endpoint or the next one. */

import { NotFoundError } from "../errors.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { failureOf, isOfOneEndpoint } from "./answers.ts";
import { ConnectionError, harmlessLine, lie, RegistryError } from "./failure.ts";
import { lengthOf, parseContentRange } from "./headers.ts";
import { mayBePlain } from "./names.ts";
import { ask, type Opened, type Place } from "./place.ts";
import { type Answer, send } from "./request.ts";
import { backoffMs, patiently, pause } from "./retry.ts";
import type { RegistrySettings } from "./settings.ts";

interface Reading {
  settings: RegistrySettings;
  /** Of the whole blob. */
  size: number;
  /** The next byte. */
  at: number;
  subject: string;
  signal?: AbortSignal | undefined;
}

/** Where it may be. */
interface Source {
  host: string;
  /** @param headers the bytes that are wanted */
  ask(headers: Record<string, string>): Promise<Answer>;
  failure(answer: Answer): Promise<Error>;
}

export async function* readBlob(
  { name, settings, places }: Opened,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  { from = 0, signal, urls = [] }: { from?: number; signal?: AbortSignal; urls?: string[] },
): AsyncGenerator<Uint8Array> {
  const reading: Reading = { settings, size, at: from, subject: `pull ${name} (${digest})`, signal };
  const own = places.map((place) => ownSource(reading, place, `/v2/${place.endpoint.path}/blobs/${digest}`));
  const others = urls.flatMap((url) => otherSource(reading, url));
  let reason: unknown;
  for (const [index, source] of [...own, ...others].entries()) {
    if (reading.at === size) return;
    try {
      yield* readFrom(reading, source);
      return;
    } catch (error) {
      if (signal?.aborted || !(isOfOneEndpoint(error) || error instanceof NotFoundError)) throw error;
      // What the registry itself says counts more than what others do.
      if (index < own.length) reason = error;
      if (index < own.length - 1) settings.notice?.(`the mirror ${source.host} is passed by: ${error.message}`);
    }
  }
  if (reading.at < size) throw reason;
}

function ownSource({ subject, signal }: Reading, place: Place, path: string): Source {
  return {
    host: place.endpoint.host,
    ask: (headers) => ask(place, { method: "GET", path, headers, signal, subject }),
    failure: (answer) => failureOf(place, subject, answer),
  };
}

/** Without credentials: a manifest may name any host (CVE-2020-15157). */
function otherSource({ settings, subject, signal }: Reading, text: string): Source[] {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "https:" && !(url.protocol === "http:" && mayBePlain(url.host, settings)))) return [];
  Object.assign(url, { username: "", password: "" });
  const source: Source = {
    host: url.host,
    ask: (headers) =>
      patiently(settings, { subject, signal }, () => send(settings, { method: "GET", url, headers, signal, subject })),
    failure: async (answer) => {
      await answer.drop();
      return new RegistryError(`cannot ${subject}: ${url.host} answers ${answer.status}`, answer.status, "");
    },
  };
  return [source];
}

/** One that gives a few bytes each time is not asked for ever. */
const maxTries = 100;

async function* readFrom(reading: Reading, source: Source): AsyncGenerator<Uint8Array> {
  const { settings, size, subject, signal } = reading;
  const { patience } = settings;
  let inVain = 0;
  for (let tries = 1; ; tries++) {
    const before = reading.at;
    const answer = await source.ask(before > 0 ? { range: `bytes=${before}-` } : {});
    if (answer.status !== 200 && answer.status !== 206) throw await source.failure(answer);
    let failure: unknown;
    try {
      yield* piecesOf(reading, answer, source.host);
      if (reading.at === size) return;
      failure = new ConnectionError(`cannot ${subject}: ${source.host} ended at byte ${reading.at} of ${size}`, true);
    } catch (error) {
      if (!(error instanceof ConnectionError && error.isPassing)) throw error;
      failure = error;
    }
    inVain = reading.at > before ? 0 : inVain + 1;
    if (inVain >= patience.tries || tries >= maxTries) throw failure;
    settings.notice?.(`${(failure as Error).message}; going on at byte ${reading.at}`);
    await pause(backoffMs(patience, Math.max(inVain, 1)), signal);
  }
}

/** What is new of an answer. */
async function* piecesOf(reading: Reading, answer: Answer, host: string): AsyncGenerator<Uint8Array> {
  const { size, subject } = reading;
  const first = await firstByte(reading, answer, host);
  // Whoever does not know about ranges sends all of it again.
  let skip = reading.at - first;
  for await (const piece of answer.pieces()) {
    const fresh = skip > 0 ? piece.subarray(skip) : piece;
    skip = Math.max(0, skip - piece.length);
    if (fresh.length === 0) continue;
    if (reading.at + fresh.length > size) throw lie(subject, host, `sends more than the ${size} bytes of its manifest`);
    reading.at += fresh.length;
    yield fresh;
  }
}

/** Where an answer begins. @throws InvalidError where it is of another blob, by what it says of itself */
async function firstByte({ size, at, subject }: Reading, answer: Answer, host: string): Promise<number> {
  const { status, headers } = answer;
  const refuse = async (what: string): Promise<never> => {
    await answer.drop();
    throw lie(subject, host, what);
  };
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity" && encoding !== "")
    return await refuse(`sends it in an encoding that nobody asked for: ${harmlessLine(encoding, 40)}`);
  const length = lengthOf(headers.get("content-length"));
  if (status === 200) {
    if (length !== undefined && length !== size)
      return await refuse(`has ${length} bytes, and its manifest says ${size}`);
    return 0;
  }
  const range = parseContentRange(headers.get("content-range"));
  if (range?.first !== at || (range.total ?? size) !== size)
    return await refuse(`sends bytes that nobody asked for: ${harmlessLine(headers.get("content-range") ?? "", 60)}`);
  return at;
}
