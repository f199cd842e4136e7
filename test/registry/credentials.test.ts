/** Who we are at registries: files of Docker's and podman's, read and changed. */

import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { helperOf, keysOf, storedCredentials, withCredentials } from "../../src/registry/auth-file.ts";
import { authPlaces } from "../../src/registry/auth-places.ts";
import { dropCredentials, findCredentials, keepCredentials } from "../../src/registry/credentials.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const auth = (text: string) => ({ auth: Buffer.from(text).toString("base64") });

/** A home with such a file. */
function home(content?: unknown): { environment: { HOME: string }; path: string } {
  const HOME = temporaryDirectory();
  const path = join(HOME, ".docker/config.json");
  if (content !== undefined) {
    mkdirSync(join(HOME, ".docker"));
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  return { environment: { HOME }, path };
}

const find = (content: unknown, host: string, path?: string) => findCredentials(host, path, home(content).environment);

describe("credentials", () => {
  test("are found by the names that Docker and podman have for a registry", async () => {
    const me = { username: "me", password: "a:b" };
    const auths = {
      "https://index.docker.io/v1/": auth("hub:x"),
      "registry.example": auth("me:a:b"),
      "https://old.example/v1/": auth("me:a:b"),
      "parts.example/team": auth("team:x"),
      "parts.example": auth("all:x"),
      "identity.example": { ...auth("u:"), identitytoken: "ID" },
      "two.example": { username: "me", password: "a:b" },
      "empty.example": {},
    };
    const content = { auths };
    expect(await find(content, "docker.io")).toEqual({ username: "hub", password: "x" });
    for (const host of ["registry.example", "old.example", "two.example"])
      expect(await find(content, host)).toEqual(me);
    expect((await find(content, "parts.example", "team/app"))?.username).toBe("team");
    expect((await find(content, "parts.example", "teamwork/app"))?.username).toBe("all");
    expect(await find(content, "identity.example")).toEqual({ username: "u", identityToken: "ID" });
    for (const host of ["registry.example:5000", "empty.example", "example", "toString"])
      expect(await find(content, host)).toBeUndefined();
    expect(await find("", "docker.io")).toBeUndefined();
    expect(await find(undefined, "docker.io")).toBeUndefined();
  });

  test("that cannot be read are named by file and key, and never by what stands there", async () => {
    for (const content of ['{"auths": secret', "[1]", '{"auths":{"a.example":{"auth":"c2VjcmV0"}}}']) {
      const { environment, path } = home(content);
      const said = await findCredentials("a.example", undefined, environment).catch((error: Error) => error.message);
      expect(said).toContain(path);
      expect(said).not.toContain("secret");
      expect(said).not.toContain("c2VjcmV0");
    }
  });

  test("are read back as they were kept, whatever they are", () => {
    const text = fc.string({ minLength: 1, maxLength: 40 }).filter((one) => !one.includes("\0"));
    const name = text.filter((one) => !one.includes(":"));
    fc.assert(
      fc.property(name, text, (username, password) => {
        const file = JSON.parse(JSON.stringify(withCredentials({}, "r.example", { username, password })));
        const isText = (one: string) => Buffer.from(one).toString() === one;
        fc.pre(isText(username) && isText(password));
        expect(storedCredentials(file, keysOf("r.example"), "f")).toEqual({ username, password });
      }),
    );
  });

  test("are kept for their owner alone, with all keys that are not ours, and are gone after a logout", async () => {
    const before = { HttpHeaders: { a: "b" }, auths: { "x.example": { ...auth("x:y"), more: 1 } }, psFormat: "t" };
    const { environment, path } = home(before);
    chmodSync(path, 0o644);
    expect(await keepCredentials("docker.io", { username: "me", password: "p" }, environment)).toEqual({ file: path });
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      ...before,
      auths: { ...before.auths, "https://index.docker.io/v1/": auth("me:p") },
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await dropCredentials("docker.io", environment)).toBe(true);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(before);
    expect(await dropCredentials("docker.io", environment)).toBe(false);
    expect(readdirSync(join(path, ".."))).toEqual(["config.json"]);
  });

  test("make the file and its directory, and follow the link that somebody has in their place", async () => {
    const { environment, path } = home();
    await keepCredentials("r.example", { username: "me", password: "p" }, environment);
    expect([statSync(path).mode & 0o777, statSync(join(path, "..")).mode & 0o777]).toEqual([0o600, 0o700]);
    const other = home();
    const elsewhere = join(temporaryDirectory(), "mine.json");
    writeFileSync(elsewhere, "{}");
    mkdirSync(join(other.path, ".."));
    symlinkSync(elsewhere, other.path);
    await keepCredentials("r.example", { username: "me", password: "p" }, other.environment);
    expect(JSON.parse(readFileSync(elsewhere, "utf8")).auths).toEqual({ "r.example": auth("me:p") });
  });

  test("with a program that is not there are a failure that names it, and nothing is written", async () => {
    const { environment, path } = home({ credsStore: "no-such-thing" });
    const keeping = keepCredentials("r.example", { username: "me", password: "p" }, environment);
    expect(await keeping.catch((error: Error) => error.message)).toContain("docker-credential-no-such-thing");
    expect(readFileSync(path, "utf8")).toBe('{"credsStore":"no-such-thing"}');
    const odd = home({ credsStore: "../../bin/sh" });
    const looking = findCredentials("r.example", undefined, odd.environment);
    expect(await looking.catch((error: Error) => error.message)).toContain("is not the name of a program");
  });
});

test("which program has a registry is said for it, or for all", () => {
  const file = { credHelpers: { "gcr.example": "gcloud" }, credsStore: "pass" };
  expect(helperOf(file, keysOf("gcr.example"))).toEqual({ name: "gcloud", key: "gcr.example" });
  expect(helperOf(file, keysOf("docker.io"))).toEqual({ name: "pass", key: "https://index.docker.io/v1/" });
  expect(helperOf({}, keysOf("docker.io"))).toBeUndefined();
});

test("the files are the caller's, root's and podman's, or the one that a variable names", () => {
  const paths = (environment: Record<string, string>) => authPlaces(environment).map(({ path }) => path);
  expect(paths({ HOME: "/h", DOCKER_CONFIG: "/d/" })).toEqual(["/d/config.json"]);
  expect(paths({ HOME: "/h", REGISTRY_AUTH_FILE: "/f.json" })).toEqual(["/f.json"]);
  expect(() => paths({ DOCKER_CONFIG: "d" })).toThrow("DOCKER_CONFIG is not an absolute path");
  const all = paths({ HOME: "/h", XDG_RUNTIME_DIR: "/run/user/7" });
  expect(all[0]).toBe("/h/.docker/config.json");
  expect(all).toContain("/run/user/7/containers/auth.json");
  expect(all).toContain("/h/.config/containers/auth.json");
});
