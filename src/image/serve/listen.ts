/** Where `registry serve` listens, and what it asks of those who reach it there. Pure. */

import { UsageError } from "../../errors.ts";

export interface Address {
  /** Without brackets. */
  host: string;
  port: number;
}

/** `127.0.0.1:5000`, `[::1]:5000`, `:5000`, `localhost:0`. @throws UsageError */
export function parseListen(text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65535)
    throw new UsageError(`--listen: ${JSON.stringify(text)} is not an address and a port`, "--listen 127.0.0.1:5000");
  return { host: bracketed ?? (plain || "0.0.0.0"), port };
}

/** True for an address that only this machine reaches. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/.test(host);

/** @throws UsageError for an address that others reach, without TLS and passwords; unless they were said to be not needed. */
export function checkOpenness(
  { host, port }: Address,
  { tls, passwords, insecure }: { tls: boolean; passwords: boolean; insecure: boolean },
): void {
  if (isLoopback(host) || insecure || (tls && passwords)) return;
  const missing = [...(tls ? [] : ["--tls-cert and --tls-key"]), ...(passwords ? [] : ["--htpasswd"])].join(" and ");
  throw new UsageError(
    `refusing to serve on ${formatAddress({ host, port })} without ${missing}: other machines reach it`,
    "--insecure serves everyone who reaches it; --listen 127.0.0.1:5000 this machine alone",
  );
}

export const formatAddress = ({ host, port }: Address): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;
