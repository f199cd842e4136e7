/** Debian's docker-registry, on a port of its own and with files of its own: a registry that others wrote. */

import { onTestFinished } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { patienceMs } from "./patience.ts";

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
const program = [join(cache, "tinydocker-registry/usr/bin/docker-registry"), "/usr/bin/docker-registry"].find(
  existsSync,
);

/** For `needing`. */
export const dockerRegistry = (): string | undefined => (program === undefined ? "docker-registry" : undefined);

export interface DockerRegistryOptions {
  tls?: { cert: string; key: string };
  /** Who may come in; everybody without it. */
  users?: Record<string, string>;
  /** Where tokens are from, and the certificate of who signs them. */
  token?: { realm: string; service: string; issuer: string; rootcertbundle: string };
  /** It fetches what it has not got from there. */
  mirrorOf?: string;
}

/** Call it inside a test: it ends with it. @param inside words before the command, for one in other namespaces */
export async function startDockerRegistry(
  { tls, users, token, mirrorOf }: DockerRegistryOptions = {},
  inside: string[] = [],
): Promise<{ host: string; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), "tinydocker-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  mkdirSync(join(directory, "store"));
  const lines = Object.entries(users ?? {}).map(
    ([name, password]) => `${name}:${Bun.password.hashSync(password, { algorithm: "bcrypt", cost: 4 })}\n`,
  );
  const settings = {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(directory, "store") }, delete: { enabled: true } },
    http: {
      addr: "127.0.0.1:0",
      ...(tls && { tls: { certificate: file("cert.pem", tls.cert), key: file("key.pem", tls.key) } }),
    },
    ...(users && { auth: { htpasswd: { realm: "registry", path: file("htpasswd", lines.join("")) } } }),
    ...(token && { auth: { token } }),
    ...(mirrorOf !== undefined && { proxy: { remoteurl: mirrorOf } }),
  };
  // JSON is YAML.
  const child = Bun.spawn([...inside, program!, "serve", file("config.yml", JSON.stringify(settings))], {
    env: { PATH: "/usr/bin:/bin", HOME: directory, OTEL_TRACES_EXPORTER: "none" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  return { host: `127.0.0.1:${await portOf(child.stderr)}`, directory };
}

/** It says where it listens. */
async function portOf(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stderr.getReader();
  const decoder = new TextDecoder();
  const late = setTimeout(() => void reader.cancel(), patienceMs);
  let said = "";
  for (;;) {
    const { done, value } = await reader.read();
    said += decoder.decode(value, { stream: true });
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    if (port !== undefined) {
      clearTimeout(late);
      // It would end at a full pipe.
      void (async () => {
        while (!(await reader.read()).done);
      })();
      return port;
    }
    if (done) throw new Error(`docker-registry does not listen: ${said}`);
  }
}
