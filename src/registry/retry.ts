/** Trying again what may go well a moment later, and waiting as long as a registry asks for, within a bound. */

import { ConnectionError, RegistryError } from "./failure.ts";
import { retryAfterMs } from "./headers.ts";
import type { Answer } from "./request.ts";
import type { Patience, RegistrySettings } from "./settings.ts";

/** Too many requests, or trouble of the server's own. */
export const isPassing = (status: number): boolean => [408, 425, 429, 500, 502, 503, 504].includes(status);

interface Try {
  subject: string;
  signal?: AbortSignal | undefined;
  /** Another place can be asked in its stead: nobody is waited for. */
  isMirror?: boolean;
}

/** @returns the last answer, whatever it is, that of a registry in trouble after all tries. @throws what the last try threw */
export async function patiently(
  settings: RegistrySettings,
  { subject, signal, isMirror }: Try,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const { patience } = settings;
  for (let tries = 1; ; tries++) {
    const isLast = tries >= patience.tries || isMirror === true;
    let ms = backoffMs(patience, tries);
    let why: string;
    try {
      const answer = await ask();
      if (!isPassing(answer.status)) return answer;
      const asked = retryAfterMs(answer.headers.get("retry-after"));
      if (isLast) return answer;
      if (asked !== undefined && asked > patience.maxWaitMs) {
        await answer.drop();
        throw tooLong(subject, answer, asked);
      }
      await answer.drop();
      ms = asked ?? ms;
      why = `${answer.url.host} answers ${answer.status}`;
    } catch (error) {
      if (isLast || !(error instanceof ConnectionError && error.isPassing)) throw error;
      why = error.message;
    }
    settings.notice?.(`${why}; trying again${ms >= 1000 ? ` in ${Math.ceil(ms / 1000)} s` : ""}`);
    await pause(ms, signal);
  }
}

const tooLong = (subject: string, { status, url }: Answer, ms: number): RegistryError =>
  new RegistryError(
    `cannot ${subject}: ${url.host} answers ${status}, and asks to come back in ${Math.ceil(ms / 1000)} s`,
    status,
    "",
    status === 429 ? `${url.host} allows only so many requests: wait, or log in (tinydocker login)` : undefined,
  );

/** Doubled with each try, and not the same for all who were cut off together. */
export const backoffMs = ({ firstWaitMs, maxWaitMs }: Patience, tries: number): number =>
  Math.min(maxWaitMs, firstWaitMs * 2 ** (tries - 1) * (0.75 + Math.random() / 2));

/** @throws the signal's reason, at once */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const give = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", give);
      resolve();
    }, ms);
    signal?.addEventListener("abort", give, { once: true });
  });
}
