/**
 * Programs that keep credentials, `docker-credential-NAME`: a word says what is wanted, all else goes through pipes, so that no
 * secret is on a command line. @see https://github.com/docker/docker-credential-helpers
 */

import { Failure, InvalidError, UnsupportedError } from "../errors.ts";
import { findHostProgram } from "../host-program.ts";
import { statIfAny } from "../linux/stat.ts";
import type { Person } from "./auth-places.ts";
import { harmlessLine } from "./failure.ts";
import type { Credentials } from "./settings.ts";

type Environment = Record<string, string | undefined>;

export interface Helper {
  /** After `docker-credential-`. */
  name: string;
  /** Whose secrets it keeps: it runs as that user. */
  person: Person;
  environment: Environment;
}

/** One that asks a person waits for her. */
const timeoutMs = 120_000;
/** What such a program calls a token that stands for a password. */
const tokenUser = "<token>";

/** @returns undefined where it has none */
export async function getFromHelper(helper: Helper, key: string): Promise<Credentials | undefined> {
  const { code, stdout, stderr } = await call(helper, "get", key);
  if (code !== 0) {
    const said = stdout.trim() || stderr.trim();
    if (/credentials not found|no credentials server URL|not found in (native )?keychain/i.test(said)) return undefined;
    throw new Failure(`docker-credential-${helper.name} cannot tell the credentials of ${key}: ${harmlessLine(said)}`);
  }
  const found = parse(stdout, helper);
  const [username, secret] = [found.Username, found.Secret];
  if (typeof username !== "string" || typeof secret !== "string")
    throw new InvalidError(`docker-credential-${helper.name} answers without a name and a secret`);
  if (username === "" && secret === "") return undefined;
  return username === tokenUser ? { identityToken: secret } : { username, password: secret };
}

export async function storeInHelper(helper: Helper, key: string, credentials: Credentials): Promise<void> {
  const { username = "", password = "", identityToken } = credentials;
  const entry = {
    ServerURL: key,
    Username: identityToken === undefined ? username : tokenUser,
    Secret: identityToken ?? password,
  };
  await callToTheEnd(helper, "store", JSON.stringify(entry));
}

export const eraseInHelper = (helper: Helper, key: string): Promise<void> => callToTheEnd(helper, "erase", key);

async function callToTheEnd(helper: Helper, word: "store" | "erase", input: string): Promise<void> {
  const { code, stdout, stderr } = await call(helper, word, input);
  if (code === 0) return;
  const said = harmlessLine(stdout.trim() || stderr.trim());
  throw new Failure(`docker-credential-${helper.name} ${word} failed: ${said || `exit code ${code}`}`);
}

/** It may have quoted what it failed on. */
function parse(text: string, { name }: Helper): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new InvalidError(`docker-credential-${name} answers with what is not JSON`);
  }
}

async function call({ name, person, environment }: Helper, word: string, input: string) {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw new InvalidError(`${JSON.stringify(name)} is not the name of a program for credentials`);
  const program = findProgram(`docker-credential-${name}`);
  if (program === undefined)
    throw new UnsupportedError(
      `the program docker-credential-${name} keeps the credentials, and it is not installed`,
      "in one of /usr/local/bin, /usr/bin and /bin; or take credsStore and credHelpers out of the file",
    );
  const child = Bun.spawn([...asPerson(person, name), program, word], {
    env: environmentFor(person, environment),
    cwd: "/",
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (child.signalCode !== null)
    throw new Failure(`docker-credential-${name} did not end within ${timeoutMs / 1000} s`);
  return { code, stdout, stderr };
}

const findProgram = (name: string): string | undefined =>
  statIfAny(`/usr/local/bin/${name}`) ? `/usr/local/bin/${name}` : findHostProgram(name);

/** Behind sudo: root has no part in the user's secrets. */
function asPerson({ uid, gid }: Person, name: string): string[] {
  if (uid === undefined || gid === undefined) return [];
  const setpriv = findHostProgram("setpriv");
  if (setpriv === undefined)
    throw new UnsupportedError(`docker-credential-${name} is to run as user ${uid}, and setpriv is not installed`);
  return [setpriv, `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--inh-caps=-all", "--"];
}

/**
 * It is the user's own, and finds its secrets by the user's variables; the loader's are not among them, and behind sudo those that
 * are left are root's.
 */
function environmentFor({ home, uid }: Person, environment: Environment): Record<string, string> {
  const path = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  if (uid !== undefined) return { PATH: path, HOME: home, XDG_RUNTIME_DIR: `/run/user/${uid}`, LC_ALL: "C" };
  const own = Object.entries(environment).filter(([name, value]) => value !== undefined && !/^(LD_|GLIBC_)/.test(name));
  return { ...(Object.fromEntries(own) as Record<string, string>), PATH: path, HOME: home };
}
