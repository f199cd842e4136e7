/** Answers that were not waited for, as failures; and a question that goes from one endpoint to the next. */

import { InvalidError } from "../errors.ts";
import { credentialsOf } from "./authority.ts";
import { ConnectionError, RegistryError, readError, refusal } from "./failure.ts";
import { mediaTypeOf } from "./headers.ts";
import { ask, type Opened, type Place, type PlaceRequest } from "./place.ts";
import type { Answer } from "./request.ts";

/** Of an error's text. */
const maxErrorBytes = 64 << 10;

/** The failure that an answer is; its content is read. */
export async function failureOf(place: Place, subject: string, answer: Answer): Promise<Error> {
  const { status, headers, url, isOwn } = answer;
  const content = (await answer.bytes(maxErrorBytes).catch(() => undefined)) ?? new Uint8Array();
  const said = readError(new TextDecoder().decode(content), mediaTypeOf(headers));
  const { host } = place.endpoint;
  const authenticated = isOwn && (await credentialsOf(place.authority)) !== undefined;
  return refusal(subject, isOwn ? host : url.host, status, said, { host, authenticated });
}

/**
 * Asks one endpoint after the other until one has it. A mirror that is in trouble, refuses, or says what cannot be is passed by:
 * it is asked for convenience, and the registry itself decides.
 * @returns undefined where none has it
 */
export async function firstThatHas<Found>(
  { settings, places }: Opened,
  request: PlaceRequest | ((place: Place) => PlaceRequest),
  use: (place: Place, answer: Answer) => Promise<Found>,
): Promise<Found | undefined> {
  for (const place of places) {
    const asked = typeof request === "function" ? request(place) : request;
    try {
      const answer = await ask(place, asked);
      if (answer.status === 404) {
        await answer.drop();
        continue;
      }
      if (answer.status < 200 || answer.status > 299) throw await failureOf(place, asked.subject, answer);
      return await use(place, answer);
    } catch (error) {
      if (!place.endpoint.isMirror || !isOfOneEndpoint(error)) throw error;
      settings.notice?.(`the mirror ${place.endpoint.host} is passed by: ${error.message}`);
    }
  }
  return undefined;
}

/** Another endpoint may do better. */
export const isOfOneEndpoint = (error: unknown): error is Error =>
  error instanceof ConnectionError || error instanceof RegistryError || error instanceof InvalidError;
