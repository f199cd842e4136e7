/** Logging in: by the built binary, at registries that others wrote and at one that leads us on. */

import { describe, expect } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificates } from "../support/certificates.ts";
import { binary, type Result, type RunOptions, runProgram } from "../support/cli.ts";
import { dockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { needing, root, tool } from "../support/needs.ts";
import { challenge, serveRegistry } from "../support/registry.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const test = needing(root);

interface User {
  home: string;
  /** What Docker reads, too. */
  config: string;
  td(words: string[], options?: RunOptions): Promise<Result>;
}

function user(more: Record<string, string> = {}): User {
  const home = temporaryDirectory();
  const env = {
    PATH: process.env.PATH!,
    HOME: home,
    TINYDOCKER_ROOT: join(home, "root"),
    TINYDOCKER_CONFIG: "",
    ...more,
  };
  const td = (words: string[], options: RunOptions = {}) => runProgram([binary(), ...words], { env, ...options });
  return { home, config: join(home, ".docker/config.json"), td };
}

const auths = (path: string) => JSON.parse(readFileSync(path, "utf8")).auths;

describe("login", () => {
  const besideDocker = needing(root, dockerRegistry, tool("podman"));
  besideDocker("at docker-registry by TLS keeps name and password for Docker, too, and a wrong one not", async () => {
    const { ca, server } = certificates();
    const { host, directory } = await startDockerRegistry({ tls: server, users: { me: "se:cr et" } });
    writeFileSync(join(directory, "ca.pem"), ca);
    const { td, config } = user();
    const login = ["login", "-u", "me", "--password-stdin", host];
    const untrusted = await td(login, { stdin: "se:cr et\n" });
    expect(untrusted.stderr).toContain(`the certificate of ${host} cannot be trusted`);
    const trusting = user({ SSL_CERT_FILE: join(directory, "ca.pem") });
    const wrong = await trusting.td(login, { stdin: "wrong" });
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toContain(`${host} answers 401`);
    expect([config, trusting.config].filter(existsSync)).toEqual([]);
    expect(await trusting.td(login, { stdin: "se:cr et\n" })).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
    expect(auths(trusting.config)).toEqual({ [host]: { auth: btoa("me:se:cr et") } });
    expect(statSync(trusting.config).mode & 0o777).toBe(0o600);
    // What is kept is enough from now on, and podman reads it as well.
    expect(await trusting.td(["login", host])).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
    const podman = await runProgram(["podman", "login", "--get-login", host], {
      env: { PATH: process.env.PATH!, HOME: trusting.home, REGISTRY_AUTH_FILE: trusting.config },
    });
    expect(podman.stdout.trim()).toBe("me");
    const out = () => trusting.td(["logout", host]);
    expect((await out()).stdout).toBe(`Removing login credentials for ${host}\n`);
    expect((await out()).stdout).toBe(`Not logged in to ${host}\n`);
    expect(auths(trusting.config)).toEqual({});
  });

  test("sends a password to its host and to its server of tokens alone, and to none without TLS (R33)", async () => {
    const [own, other] = [serveRegistry(), serveRegistry()];
    const { td, home } = user();
    const secrets = ["secret", btoa("me:secret"), "T0KEN"];
    const login = async (...words: string[]) => {
      const result = await td(["login", "-u", "me", "--password-stdin", ...words], { stdin: "secret" });
      for (const secret of secrets) expect(result.stdout + result.stderr).not.toContain(secret);
      return result;
    };
    // A redirect leads away without the password, and who asks for it there is not answered.
    const asks = () => new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
    other.intercept = [asks];
    own.intercept = [
      ({ headers }) => (headers.has("authorization") ? Response.redirect(`${other.url}/v2/`, 307) : asks()),
    ];
    expect((await login(own.host)).code).toBe(1);
    expect(own.seen.some(({ authorization }) => authorization === `Basic ${btoa("me:secret")}`)).toBe(true);
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([null]);
    // The server of tokens gets it, and the registry the token alone.
    own.seen.length = other.seen.length = 0;
    other.intercept = [() => Response.json({ token: "T0KEN" })];
    own.intercept = [
      ({ headers }) =>
        headers.get("authorization") === "Bearer T0KEN" ? undefined : challenge(`${other.url}/token`, "s", "x:y:pull"),
    ];
    expect(await login(own.host)).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([`Basic ${btoa("me:secret")}`]);
    expect(own.seen.map(({ authorization }) => authorization)).toEqual([null, "Bearer T0KEN"]);
    // By plain http to nobody but loopback, whoever says where tokens are.
    other.seen.length = 0;
    own.intercept = [() => challenge("http://tokens.example/", "s", "x:y:pull")];
    expect((await login(own.host)).stderr).toContain("tokens.example, which is not asked over TLS");
    expect(existsSync(join(home, ".docker/config.json"))).toBe(true);
  });

  test("with a program for credentials gives it the secret by a pipe, and behind sudo it and the file are the user's", async () => {
    const own = serveRegistry();
    own.intercept = [
      ({ headers }) =>
        headers.get("authorization") === `Basic ${btoa("me:secret")}`
          ? undefined
          : new Response("", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }),
    ];
    const { home, td } = user();
    const programs = join(home, "bin");
    mkdirSync(programs);
    chmodSync(home, 0o755);
    const kept = join(home, "kept");
    mkdirSync(kept);
    for (const name of ["calls", "secret"]) writeFileSync(join(kept, name), "");
    chmodSync(kept, 0o777);
    for (const name of ["calls", "secret"]) chmodSync(join(kept, name), 0o666);
    const helper = `#!/bin/sh
echo "$* $(id -u) LD=$LD_X" >>${kept}/calls
case $1 in
  store) cat >${kept}/secret ;;
  get) cat >/dev/null; [ -s ${kept}/secret ] && cat ${kept}/secret || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) : >${kept}/secret ;;
esac
`;
    writeFileSync(join(programs, "docker-credential-test"), helper, { mode: 0o755 });
    // Only directories of the system are looked into: here one of them is another.
    const run = (script: string, env: Record<string, string> = {}) =>
      runProgram(["unshare", "--mount", "sh", "-c", `mount --bind ${programs} /usr/local/bin && ${script}`], {
        env: { PATH: process.env.PATH!, HOME: home, TINYDOCKER_ROOT: join(home, "root"), ...env },
      });
    mkdirSync(join(home, ".docker"));
    writeFileSync(join(home, ".docker/config.json"), JSON.stringify({ credsStore: "test", a: 1 }));
    const login = `printf secret | ${binary()} login -u me --password-stdin ${own.host}`;
    expect(await run(login, { LD_X: "x" })).toMatchObject({ code: 0, stdout: "Login Succeeded\n" });
    expect(JSON.parse(readFileSync(join(kept, "secret"), "utf8"))).toEqual({
      ServerURL: own.host,
      Username: "me",
      Secret: "secret",
    });
    expect(JSON.parse(readFileSync(join(home, ".docker/config.json"), "utf8"))).toEqual({
      credsStore: "test",
      a: 1,
      auths: { [own.host]: {} },
    });
    expect((await run(`${binary()} login ${own.host}`)).stdout).toBe("Login Succeeded\n");
    expect((await run(`${binary()} logout ${own.host}`)).code).toBe(0);
    expect(readFileSync(join(kept, "calls"), "utf8")).toMatch(/^store 0 LD=\nget 0 LD=\nget 0 LD=\nerase 0 LD=\n$/);
    // Nobody (65534) calls sudo; his home is in the passwd of this test.
    const passwd = join(home, "passwd");
    writeFileSync(passwd, `root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::${home}/nobody:/bin/sh\n`);
    mkdirSync(join(home, "nobody/.docker"), { recursive: true });
    const theirs = join(home, "nobody/.docker/config.json");
    writeFileSync(theirs, JSON.stringify({ credHelpers: { [own.host]: "test" } }));
    chownSync(theirs, 65534, 65534);
    const sudo = { SUDO_UID: "65534", SUDO_GID: "65534" };
    expect(await run(`mount --bind ${passwd} /etc/passwd && ${login}`, sudo)).toMatchObject({ code: 0 });
    expect(readFileSync(join(kept, "calls"), "utf8")).toContain("store 65534 LD=\n");
    expect([statSync(theirs).uid, statSync(theirs).mode & 0o777]).toEqual([65534, 0o600]);
    expect((await td(["login", own.host])).code).not.toBe(0);
  });

  test("says what is wrong with its words before anybody is asked", async () => {
    const { td } = user();
    for (const [words, said] of [
      [["login", "--password-stdin"], "--password-stdin needs --username"],
      [["login", "-u", "a", "-p", "b", "--password-stdin"], "cannot be combined"],
      [["login", "-u", "a:b", "-p", "c", "localhost:1"], "is not a user name"],
      [["login", "-u", "a", "--password-stdin", "localhost:1"], "the password is empty"],
      [["login", "no such host"], "is not a registry"],
      [["login"], "stdin is not a terminal"],
    ] as const)
      expect((await td([...words])).stderr).toContain(said);
  });
});
