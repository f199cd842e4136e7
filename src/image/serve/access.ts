/** Who may do what. */

import type { Passwords } from "./htpasswd.ts";
import { isLoopback } from "./listen.ts";
import { ownerOf } from "./peer.ts";
import { Problem } from "./problem.ts";

export interface Policy {
  readOnly: boolean;
  passwords: Passwords | undefined;
  /** Everyone who reaches the address may do all of it. */
  insecure: boolean;
}

export interface Peer {
  address: string;
  port: number;
}

const reading = new Set(["GET", "HEAD"]);

/** @throws Problem for a request that is not allowed */
export async function checkAccess(policy: Policy, request: Request, peer: Peer | null): Promise<void> {
  // A page that somebody looks at on this machine reaches what listens on loopback: no client of registries is a page.
  if (request.headers.has("origin") || /^(same|cross)-/.test(request.headers.get("sec-fetch-site") ?? ""))
    throw new Problem("DENIED", "requests of web pages are refused");
  if (policy.passwords && !(await policy.passwords.admits(request.headers.get("authorization"))))
    throw new Problem("UNAUTHORIZED", "authentication required", {
      headers: { "WWW-Authenticate": 'Basic realm="tinydocker"' },
    });
  if (reading.has(request.method)) return;
  if (policy.readOnly) throw new Problem("UNSUPPORTED", "this registry is read-only");
  if (policy.passwords || policy.insecure) return;
  const owner = peer && isLoopback(peer.address) ? ownerOf(peer.address, peer.port) : undefined;
  if (owner === 0 || (owner !== undefined && owner === process.geteuid?.())) return;
  throw new Problem("DENIED", "without --htpasswd only root may push and delete: it is root's store");
}
