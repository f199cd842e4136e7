/** Certificates: whom the client believes, what it shows of itself, and where it may do without. */

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRepository } from "../../src/registry/client.ts";
import { endpointsOf, isInsecure } from "../../src/registry/names.ts";
import { defaultPatience, type RegistrySettings } from "../../src/registry/settings.ts";
import { certificates } from "../support/certificates.ts";
import { manifestType, type ServeOptions, serveRegistry } from "../support/registry.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const settings = (more: Partial<RegistrySettings> = {}): RegistrySettings => ({
  registries: {},
  insecureRanges: [],
  verifyTls: true,
  credentials: async () => undefined,
  certificateDirectories: [],
  environment: {},
  patience: { ...defaultPatience, tries: 1 },
  ...more,
});

function serve(tls: ServeOptions["tls"]) {
  const registry = serveRegistry(tls && { tls });
  registry.addManifest("app", "1", { schemaVersion: 2, mediaType: manifestType });
  return registry;
}

/** `ok`, or what is said of the failure. */
async function ask(host: string, more: Partial<RegistrySettings> = {}): Promise<string> {
  try {
    return (await openRepository(`${host}/app`, settings(more), "pull").manifest("1")) ? "ok" : "none";
  } catch (error) {
    return (error as Error).message;
  }
}

/** A directory as /etc/docker/certs.d. */
function directoryFor(host: string, files: Record<string, string>): string[] {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, host));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, host, name), text);
  return [directory];
}

test("a certificate of an unknown authority is refused, on loopback too, and nothing falls back to plain http", async () => {
  const { host, seen } = serve(certificates().server);
  expect(await ask(host)).toContain(`the certificate of ${host} cannot be trusted`);
  expect(seen).toEqual([]);
});

test("a certificate is believed by an authority of the host's directory, of no other host's, and of SSL_CERT_FILE", async () => {
  const { ca, server } = certificates();
  const { host } = serve(server);
  expect(await ask(host, { certificateDirectories: directoryFor(host, { "ca.crt": ca }) })).toBe("ok");
  // What one registry was believed by is not what the next one is.
  expect(await ask(host, { certificateDirectories: directoryFor("other:5000", { "ca.crt": ca }) })).toContain(
    "trusted",
  );
  const [file] = directoryFor("x", { "ca.pem": ca });
  expect(await ask(host, { environment: { SSL_CERT_FILE: `${file}/x/ca.pem` } })).toBe("ok");
  expect(await ask(host, { environment: { SSL_CERT_DIR: `/nowhere:${file}/x` } })).toBe("ok");
  expect(await ask(host, { environment: { SSL_CERT_FILE: "/nowhere" } })).toContain("SSL_CERT_FILE");
});

test("a certificate for another name is refused by its name", async () => {
  const { ca, stranger } = certificates();
  const { host } = serve(stranger);
  const certificateDirectories = directoryFor(host, { "ca.crt": ca });
  expect(await ask(host, { certificateDirectories })).toContain("is for another name");
});

test("where nothing is checked any certificate will do, and plain http as well", async () => {
  const [secure, plain] = [serve(certificates().stranger), serve(undefined)];
  expect(await ask(secure.host, { verifyTls: false })).toBe("ok");
  expect(await ask(secure.host, { registries: { [secure.host]: { insecure: true } } })).toBe("ok");
  expect(await ask(secure.host, { insecureRanges: ["127.0.0.0/8"] })).toBe("ok");
  expect(await ask(plain.host)).toBe("ok");
});

test("our certificate is shown to the host that it is for", async () => {
  const { ca, server, client } = certificates();
  const { host } = serve({ ...server, ca, requestCert: true, rejectUnauthorized: true });
  const files = { "ca.crt": ca, "me.cert": client.cert, "me.key": client.key };
  expect(await ask(host, { certificateDirectories: directoryFor(host, { "ca.crt": ca }) })).toContain("cannot pull");
  expect(await ask(host, { certificateDirectories: directoryFor(host, files) })).toBe("ok");
});

test("files that are no certificates, or lack their other half, are named", async () => {
  const { host } = serve(certificates().server);
  const { cert, key } = certificates().client;
  for (const [files, said] of [
    [{ "ca.crt": "nonsense" }, "ca.crt holds nothing in PEM"],
    [{ "me.cert": cert }, "me.cert has no key: me.key is not beside it"],
    [{ "me.key": key }, "me.key is a key without a certificate"],
  ] as const)
    expect(await ask(host, { certificateDirectories: directoryFor(host, files) })).toContain(said);
});

test("a registry that speaks no TLS is not asked without, unless it is on loopback or insecure", () => {
  const plainness = (host: string, more: Partial<RegistrySettings> = {}) =>
    endpointsOf({ host, path: "a" }, settings(more)).at(-1)!.plain;
  expect([plainness("registry.example"), plainness("docker.io")]).toEqual(["never", "never"]);
  for (const host of ["localhost", "localhost:5000", "127.1.2.3:5000", "[::1]:5000"])
    expect(plainness(host)).toBe("fallback");
  for (const host of ["localhost.example", "127.0.0.1.example", "[::2]:5000"]) expect(plainness(host)).toBe("never");
  expect(plainness("10.1.2.3:5000", { insecureRanges: ["10.0.0.0/8"] })).toBe("fallback");
  expect(plainness("[fd00::1]:5000", { insecureRanges: ["fd00::/8"] })).toBe("fallback");
});

test("what is said of a host holds under all its names", () => {
  const said = settings({ registries: { "Registry.example": { insecure: true }, "docker.io": { insecure: true } } });
  for (const host of ["registry.example", "REGISTRY.EXAMPLE:443", "registry-1.docker.io", "docker.io"])
    expect(isInsecure(host, said)).toBe(true);
  expect(isInsecure("registry.example:5000", said)).toBe(false);
  const blocked = settings({ registries: { "registry.example": { blocked: true } } });
  expect(() => endpointsOf({ host: "Registry.Example:443", path: "a" }, blocked)).toThrow("is blocked");
});
