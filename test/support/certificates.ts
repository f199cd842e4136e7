/** An authority and certificates of it, for servers and clients of tests. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificates {
  /** The authority's own. */
  ca: string;
  /** Of a server called `localhost` and `127.0.0.1`. */
  server: { cert: string; key: string };
  /** Of a server with another name. */
  stranger: { cert: string; key: string };
  client: { cert: string; key: string };
}

let made: Certificates | undefined;

/** By openssl(1), once for each test file. */
export function certificates(): Certificates {
  made ??= make();
  return made;
}

function make(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), "tinydocker-test-"));
  const openssl = (...words: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words], { cwd: directory });
    if (exitCode !== 0) throw new Error(`openssl ${words[0]}: ${stderr}`);
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  try {
    openssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      "ca.key",
      "-out",
      "ca.crt",
      "-days",
      "30",
      "-subj",
      "/CN=authority of tests",
    );
    const issue = (name: string, names: string) => {
      writeFileSync(join(directory, `${name}.ext`), `subjectAltName=${names}\n`);
      openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${name}.ext`];
      openssl("x509", "-req", "-in", `${name}.csr`, ...by, "-days", "30", "-out", `${name}.crt`);
      return { cert: read(`${name}.crt`), key: read(`${name}.key`) };
    };
    const server = issue("server", "DNS:localhost,IP:127.0.0.1");
    return {
      ca: read("ca.crt"),
      server,
      stranger: issue("stranger", "DNS:other.example"),
      client: issue("client", "DNS:me"),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
