/** Which proxy a URL is asked through: the variables that every program knows, read as Go's programs do. Pure. */

import { isLoopback } from "./names.ts";
import { isInRanges } from "./ranges.ts";

type Environment = Record<string, string | undefined>;

/** @returns the proxy's URL, or false for none: fetch would choose one by itself, for loopback too. */
export function proxyFor(url: URL, environment: Environment): string | false {
  if (isLoopback(url.host)) return false;
  const names = url.protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
  const proxy = names.map((name) => environment[name]).find((value) => value);
  if (!proxy || isExempt(url, environment.NO_PROXY || environment.no_proxy || "")) return false;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

/** NO_PROXY: `*`, names with all below them, `.names` with only what is below, addresses, their ranges, each perhaps with a port. */
function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, "");
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return list
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      if (entry.includes("/")) return isInRanges(host, [entry]);
      // An address of IPv6 has colons of its own, and a port only behind brackets.
      const [, name = entry, itsPort] = /^([^:]*|\[.*\]):(\d+)$/.exec(entry) ?? [];
      if (itsPort !== undefined && itsPort !== port) return false;
      const bare = name.replace(/^\[|\]$/g, "").replace(/^\*(?=\.)/, "");
      return bare.startsWith(".") ? host.endsWith(bare) : host === bare || host.endsWith(`.${bare}`);
    });
}
