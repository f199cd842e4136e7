/**
 * What a registry answers when it does not do what it was asked: the table of error codes.
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
 */

/** Each code, and the status it usually comes with. */
const statuses = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
} as const;

export type Code = keyof typeof statuses;

/** Thrown by whoever cannot do what a request asks for; the server makes an answer of it. */
export class Problem extends Error {
  readonly status: number;

  constructor(
    readonly code: Code,
    message: string,
    readonly more: { status?: number; headers?: Record<string, string>; details?: readonly unknown[] } = {},
  ) {
    super(message);
    this.status = more.status ?? statuses[code];
  }

  /** Of several details each is an error of its own: the spec's way to name several blobs. */
  get body(): string {
    const { details = [undefined] } = this.more;
    const { code, message } = this;
    return JSON.stringify({
      errors: details.map((detail) => ({ code, message, ...(detail !== undefined && { detail }) })),
    });
  }
}

/** Of every answer: clients ask for it to know a registry by. */
export const versionHeader = { "Docker-Distribution-Api-Version": "registry/2.0" };

export const problemResponse = (problem: Problem, head: boolean): Response =>
  new Response(head ? null : problem.body, {
    status: problem.status,
    headers: { ...versionHeader, "Content-Type": "application/json", ...problem.more.headers },
  });
