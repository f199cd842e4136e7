/** What a registry refused, or why it cannot be asked, for people: the host, what was asked for, and its answer, never a secret. */

import { Failure, InvalidError, NotFoundError } from "../errors.ts";

/** A registry that answered otherwise than asked for. */
export class RegistryError extends Failure {
  constructor(
    message: string,
    /** Of HTTP. */
    readonly status: number,
    /** The registry's own name for it: `DENIED`, `TOOMANYREQUESTS`; "" where it gave none. */
    readonly code: string,
    hint?: string,
  ) {
    super(message, hint);
  }
}

/** A registry that could not be asked, or not to the end: nobody there, cut off, silent. Another one may be asked. */
export class ConnectionError extends Failure {
  constructor(
    message: string,
    /** Whether it is worth to try once more. */
    readonly isPassing: boolean,
    hint?: string,
    /** What it answers to TLS is not TLS, or it hangs up on it. */
    readonly isPlain = false,
  ) {
    super(message, hint);
  }
}

/** Of what is printed of an answer's text. */
const maxShown = 300;

/** A stranger's text in one harmless line. */
export function harmlessLine(text: string, maxLength = maxShown): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return line.length > maxLength ? `${line.slice(0, maxLength)}...` : line;
}

/** What a registry said in an error's body: its first error's code and message. */
export function readError(body: string, mediaType: string): { code: string; message: string } {
  if (mediaType === "text/html" || /^\s*<(!doctype|html)/i.test(body))
    return { code: "", message: "a web page, which is not what registries answer" };
  try {
    const content = JSON.parse(body) as Record<string, unknown>;
    const [first] = Array.isArray(content.errors) ? (content.errors as Record<string, unknown>[]) : [content];
    const said = [first?.message, first?.details, first?.error_description, first?.error];
    const message = said.find((text): text is string => typeof text === "string" && text !== "");
    const code = typeof first?.code === "string" && /^[A-Z_]{1,64}$/.test(first.code) ? first.code : "";
    return { code, message: harmlessLine(message ?? code) };
  } catch {
    return { code: "", message: harmlessLine(body) };
  }
}

/**
 * The failure for an answer that is none of those that were waited for.
 * @param subject what was asked for, as goes on after "cannot": `pull docker.io/library/busybox`
 * @param from who answers. @param registry whose credentials were used, if there were any.
 */
export function refusal(
  subject: string,
  from: string,
  status: number,
  { code, message }: { code: string; message: string },
  registry: { host: string; authenticated: boolean },
): Failure {
  const text = `cannot ${subject}: ${from} answers ${status}${message ? ` (${message})` : ""}`;
  return status === 404 ? new NotFoundError(text) : new RegistryError(text, status, code, hintFor(status, registry));
}

function hintFor(status: number, { host, authenticated }: { host: string; authenticated: boolean }) {
  if (status === 429) return `${host} allows only so many requests: wait, or log in (tinydocker login)`;
  if (status !== 401 && status !== 403) return undefined;
  return authenticated
    ? `the credentials for ${host} do not allow it, or the repository does not exist`
    : `tinydocker login${host === "docker.io" ? "" : ` ${host}`}, if it exists and you may`;
}

const certificateHint = (host: string): string =>
  `an authority for it goes into /etc/docker/certs.d/${host}/ca.crt; --tls-verify=false checks nothing`;

/** What fetch threw, in words. @param host that was asked, which is another one after a redirect */
export function connectionFailure(error: unknown, subject: string, host: string): Failure {
  if (error instanceof Failure) return error;
  const code = String((error as { code?: unknown })?.code ?? "");
  const text = String((error as Error)?.message ?? error);
  const cannot = `cannot ${subject}`;
  if (code === "ENOTFOUND" || code.startsWith("EAI_") || code.startsWith("DNS_"))
    return new ConnectionError(`${cannot}: there is no host ${host}, or no name server answers`, code === "EAI_AGAIN");
  if (code === "ECONNREFUSED")
    return new ConnectionError(`${cannot}: nothing listens at ${host}, or it cannot be reached`, false);
  if (code === "EPROTO")
    return new ConnectionError(
      `${cannot}: ${host} does not speak TLS`,
      false,
      `"registries": { "${host}": { "insecure": true } } in the configuration file allows plain http`,
      true,
    );
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return new ConnectionError(
      `${cannot}: the certificate of ${host} is for another name`,
      false,
      certificateHint(host),
    );
  if (/CERT|SIGNATURE|ISSUER|SELF_SIGNED/.test(code))
    return new ConnectionError(
      `${cannot}: the certificate of ${host} cannot be trusted (${code})`,
      false,
      certificateHint(host),
    );
  if (code === "ECONNRESET" || code === "EPIPE" || code === "ConnectionClosed")
    return new ConnectionError(`${cannot}: ${host} closed the connection`, true, undefined, true);
  return new ConnectionError(`${cannot}: ${host}: ${harmlessLine(code || text, 100)}`, true);
}

/** An answer that is not what it says. */
export const lie = (subject: string, host: string, what: string): InvalidError =>
  new InvalidError(`cannot ${subject}: ${host} ${what}`);
