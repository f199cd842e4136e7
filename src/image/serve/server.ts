/** The store as a registry: where it listens, and how it ends. */

import { ConflictError, InvalidError, UnsupportedError } from "../../errors.ts";
import { readFile } from "../../linux/file.ts";
import type { Paths } from "../../paths.ts";
import { collectGarbage } from "../garbage.ts";
import { prepareStore } from "../staging.ts";
import type { Policy } from "./access.ts";
import { answer, fault } from "./answer.ts";
import { openPasswords } from "./htpasswd.ts";
import { type Address, checkOpenness, formatAddress } from "./listen.ts";
import { problemResponse } from "./problem.ts";
import type { Service } from "./service.ts";
import { collectUploads, createSessions } from "./sessions.ts";

export interface ServeOptions extends Pick<Service, "inUse" | "onEvent"> {
  listen: Address;
  readOnly: boolean;
  /** Files in PEM. */
  tls?: { cert: string; key: string };
  /** A file. */
  htpasswd?: string;
  insecure: boolean;
  /** Bytes that one blob may have. */
  maxBlobBytes: number;
  /** One line per request, for people. */
  onRequest?(line: string): void;
  /** A fault of ours. */
  onFault(error: unknown): void;
}

export interface Registry {
  /** `127.0.0.1:5000`. */
  address: string;
  /** Takes no more connections, and ends what is not over by then: uploads can be gone on with. */
  close(patienceMs: number): Promise<void>;
}

/** Without a byte either way for so long, a connection is closed. */
const idleSeconds = 120;

/** Begins to serve. @throws UsageError, InvalidError for what cannot be served so, SyscallError-like errors of the socket */
export function serveRegistry(paths: Paths, options: ServeOptions): Registry {
  Bun.unsafe.setJITPolicy?.(1); // the cli is compiled to start quickly, this is the long run
  const { listen, tls, insecure, readOnly, htpasswd, inUse, onEvent } = options;
  checkOpenness(listen, { tls: tls !== undefined, passwords: htpasswd !== undefined, insecure });
  const passwords = htpasswd === undefined ? undefined : openPasswords(htpasswd);
  const policy: Policy = { readOnly, passwords, insecure };
  prepareStore(paths);
  const sessions = createSessions(paths, options.maxBlobBytes);
  collectUploads(paths);
  collectGarbage(paths);
  const service: Service = { paths, sessions, making: new Map(), inUse, onEvent };
  const server = listenOr(listen, {
    hostname: listen.host,
    port: listen.port,
    idleTimeout: idleSeconds,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    ...(tls && { tls: { cert: readFile(tls.cert), key: readFile(tls.key) } }),
    development: false,
    // Which a server that is no development server is otherwise: a second one would share the port, and neither know.
    reusePort: false,
    async fetch(request: Request, bun: Bun.Server<undefined>) {
      const response = await answer(service, policy, request, bun, options.onFault);
      options.onRequest?.(
        `${bun.requestIP(request)?.address ?? "-"} ${request.method} ${new URL(request.url).pathname} ${response.status}`,
      );
      return response;
    },
    error(error: unknown) {
      options.onFault(error);
      return problemResponse(fault(), false);
    },
  });
  return {
    address: formatAddress({ host: server.hostname ?? listen.host, port: server.port ?? listen.port }),
    close: (patienceMs) => end(server, patienceMs),
  };
}

/** @throws ConflictError for an address that is taken, UnsupportedError for one that is not to be had, InvalidError for keys that are none */
function listenOr(listen: Address, options: Parameters<typeof Bun.serve<undefined>>[0]): Bun.Server<undefined> {
  try {
    return Bun.serve(options);
  } catch (error) {
    const { code = "", message } = error as { code?: string; message: string };
    const failed = `cannot listen on ${formatAddress(listen)}: ${code}`;
    if (code === "EADDRINUSE")
      throw new ConflictError(`${failed} (another program listens there)`, "--listen with another port");
    if (/SSL|BORING|ASN1|PEM/.test(`${code} ${message}`))
      throw new InvalidError(`--tls-cert and --tls-key: ${message}`);
    throw new UnsupportedError(`${failed} (${message})`);
  }
}

/** Idle connections would keep it for as long as their clients like. */
async function end(server: Bun.Server<undefined>, patienceMs: number): Promise<void> {
  void server.stop(false);
  for (const until = Date.now() + patienceMs; server.pendingRequests > 0 && Date.now() < until; ) await Bun.sleep(20);
  await server.stop(true);
}
