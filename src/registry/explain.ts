/** The requests that a pull would make, in their order, each with the reason for it; none is made. Pure, but for certificates. */

import { tlsFor } from "./certificates.ts";
import { type Endpoint, endpointsOf, isInsecure, splitName } from "./names.ts";
import { type Asked, referenceOf, requirementsFor } from "./policy.ts";
import { proxyFor } from "./proxy.ts";
import type { RegistrySettings } from "./settings.ts";

export interface PlannedRequest {
  /** `GET https://registry-1.docker.io/v2/library/alpine/manifests/latest`; capitals stand for what only answers tell. */
  request: string;
  why: string;
  /** When it is made, where it is not always. */
  if?: string;
}

/** One place that is asked, and how it is reached. */
export interface PlannedEndpoint {
  endpoint: string;
  isMirror: boolean;
  tls: string;
  proxy: string;
  requests: PlannedRequest[];
}

/** @param platform as in `linux/amd64`. @throws UnsupportedError for a blocked registry; PolicyError, see refuseByPolicy, is for the caller */
export function plannedEndpoints(asked: Asked, platform: string, settings: RegistrySettings): PlannedEndpoint[] {
  return endpointsOf(splitName(asked.repository), settings).map((endpoint) => {
    const url = new URL(`${endpoint.plain === "only" ? "http" : "https"}://${endpoint.address}`);
    return {
      endpoint: url.origin,
      isMirror: endpoint.isMirror,
      tls: tlsOf(endpoint, url, settings),
      proxy: proxyOf(url, settings),
      requests: requestsOf(endpoint, url.origin, asked, platform, settings),
    };
  });
}

function tlsOf({ plain }: Endpoint, { host }: URL, settings: RegistrySettings): string {
  if (plain === "only") return "none: the configuration says http";
  const { cert, ca = [] } = tlsFor(host, settings);
  const ours = cert ? "; it is shown our own" : "";
  if (isInsecure(host, settings)) return `the certificate is not checked, as it is insecure${ours}`;
  const more = ca.length > 1 ? " and of its directory" : "";
  return `the certificate has to be of the system's authorities${more}${ours}`;
}

function proxyOf(url: URL, { environment }: RegistrySettings): string {
  const proxy = proxyFor(url, environment);
  // It may have a password in it.
  return proxy === false ? "none" : (URL.parse(proxy)?.host ?? "what is not a URL");
}

function requestsOf(
  { plain, path, isMirror }: Endpoint,
  origin: string,
  asked: Asked,
  platform: string,
  { policy }: RegistrySettings,
): PlannedRequest[] {
  const base = `${origin}/v2/${path}`;
  const reference = asked.digest ?? asked.tag ?? "latest";
  const get = (url: string, why: string, when?: string): PlannedRequest => ({
    request: `GET ${url}`,
    why,
    ...(when !== undefined && { if: when }),
  });
  const signed = policy && requirementsFor(policy, asked).requirements.some(({ type }) => type === "sigstoreSigned");
  return [
    ...(plain === "fallback"
      ? [get(`${origin}/v2/`, "does it speak TLS? What follows goes by http where it does not, which it may")]
      : []),
    get(
      `${base}/manifests/${reference}`,
      `what ${referenceOf(asked)} is${isMirror ? "; the next one is asked if it fails" : ""}`,
    ),
    get(
      `REALM?service=SERVICE&scope=repository:${path}:pull`,
      "a token from the server that the registry names, for the credentials that login has kept, or for nobody",
      "the registry answers 401 and wants a token",
    ),
    get(`${base}/manifests/DIGEST`, `the image for ${platform}`, "it is an index of several platforms"),
    ...(signed
      ? [get(`${base}/manifests/sha256-DIGEST.sig`, `its signatures, and then their blobs: ${policy.path} wants one`)]
      : []),
    get(`${base}/blobs/CONFIG`, "its configuration", "it is not in the store"),
    get(
      `${base}/blobs/LAYER`,
      "each layer, three at once; from the byte on that an earlier pull had come to",
      "the layer is not in the store",
    ),
  ];
}
