/** Which authorities a host's certificate may be of, and what we show it of ourselves, where it asks. */

import { isInsecure } from "./names.ts";
import type { RegistrySettings } from "./settings.ts";

/** As fetch takes it. */
export interface TlsOptions {
  rejectUnauthorized?: false;
  ca?: string[];
  cert?: string[];
  key?: string[];
}

/** @param address `HOST[:PORT]`, as it stands in a URL */
export function tlsFor(address: string, settings: RegistrySettings): TlsOptions {
  return isInsecure(address, settings) ? { rejectUnauthorized: false } : {};
}
