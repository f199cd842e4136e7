/** What the administrator and the command say of registries: all that this folder knows of the machine that it runs on. */

import type { Policy } from "./policy.ts";

/** Of one registry, by the host that users write. */
export interface HostSettings {
  /** Its certificate is not checked, and it may speak plain http. */
  insecure?: boolean;
  /** Nothing is asked of it. */
  blocked?: boolean;
  /** Asked before it for what is read, the first first: `HOST[:PORT][/PREFIX]`, or a URL with http or https. */
  mirrors?: string[];
}

/** Who asks. A password is in nothing that is printed, and in no argument of a program. */
export interface Credentials {
  username?: string;
  password?: string;
  /** Is exchanged for tokens, in place of a password. */
  identityToken?: string;
  /** A bearer token that is used as it is. */
  registryToken?: string;
}

/** How long is waited, and how often something is tried again. */
export interface Patience {
  /** Tries of a request, and of a blob without a byte more. */
  tries: number;
  /** Nothing came for so long, in ms: the connection is given up. */
  stallMs: number;
  /** A registry that got a whole blob may take so long to answer, in ms: it looks at all of it once more. */
  commitMs: number;
  /** Before the second try, in ms; doubled for each that follows. */
  firstWaitMs: number;
  /** Whoever asks for more (Retry-After), in ms, gets a failure instead. */
  maxWaitMs: number;
}

export const defaultPatience: Patience = {
  tries: 5,
  stallMs: 30_000,
  commitMs: 300_000,
  firstWaitMs: 500,
  maxWaitMs: 60_000,
};

export interface RegistrySettings {
  /** By host: `docker.io`, `registry.example:5000`. */
  registries: Record<string, HostSettings>;
  /** `10.0.0.0/8`: registries that are named by an address in it are insecure. */
  insecureRanges: string[];
  /** False after --tls-verify=false: every registry that this command asks is as one that is insecure. */
  verifyTls: boolean;
  /** For a repository of that host, if there are any. @param path none for what is about the whole registry */
  credentials(host: string, path?: string): Promise<Credentials | undefined>;
  /** With a directory for each `HOST[:PORT]`, the first first: its authorities (*.crt), and our certificates for it (*.cert, *.key). */
  certificateDirectories: string[];
  /** Where proxies and the system's authorities are named: HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE. */
  environment: Record<string, string | undefined>;
  patience: Patience;
  /** Which images are taken in; all without one. */
  policy?: Policy;
  /** Hears, in words, what is waited for and which mirror is passed by. */
  notice?: (text: string) => void;
}
