/** The value of `--secret NAME[,type=mount|env][,target=...][,uid=][,gid=][,mode=]`. Strict, and checked before anything is touched. Pure. */

import { isSecretName } from "../../engine/record/secret.ts";
import { UsageError } from "../../errors.ts";
import type { MountRequest } from "../../plan/mounts.ts";
import { parseTarget } from "../../plan/path.ts";
import { type SecretRequest, secretsDirectory } from "../../plan/secrets.ts";

const keys = ["type", "target", "uid", "gid", "mode"];

/** @param mounts of the same container: two things can't be in one place. */
export function parseSecrets(words: string[], mounts: MountRequest[]): SecretRequest[] {
  const secrets = words.map(parseSecret);
  const seen = new Set(mounts.map(({ destination }) => destination));
  for (const { type, target } of secrets) {
    const place = type === "mount" ? target : `variable ${target}`;
    if (seen.has(place)) throw new UsageError(`--secret: two things on ${place}`, "each needs its own target");
    seen.add(place);
    if (type === "mount" && target.startsWith(`${secretsDirectory}/`) && mounts.some(covers))
      throw new UsageError(`--secret: another mount is on ${secretsDirectory}`, "target=/another/path");
  }
  return secrets;
}

/** The place of secrets that have none of their own. */
const covers = ({ destination }: MountRequest): boolean =>
  destination === secretsDirectory || destination.startsWith(`${secretsDirectory}/`);

function parseSecret(text: string): SecretRequest {
  const [first = "", ...rest] = text.split(",");
  const secret = first.replace(/^(source|src)=/, "");
  if (!isSecretName(secret))
    throw new UsageError(
      `--secret: ${JSON.stringify(secret)} is not a valid secret name`,
      "NAME,target=file,mode=0400",
    );
  const values = new Map<string, string>();
  for (const word of rest) {
    const [, key = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(word)!;
    if (!keys.includes(key) || value === "")
      throw new UsageError(`--secret: ${JSON.stringify(word)} is not a valid option`, `${keys.join("=, ")}=`);
    values.set(key, value);
  }
  const type = values.get("type") ?? "mount";
  if (type !== "mount" && type !== "env")
    throw new UsageError(`--secret: type=${type} is not supported`, "type=mount or type=env");
  if (type === "env") return { secret, type, target: variable(values, secret), uid: 0, gid: 0, mode: 0 };
  const target = values.get("target") ?? secret;
  return {
    secret,
    type,
    target: target.startsWith("/") ? parseTarget("--secret", target) : `${secretsDirectory}/${fileName(target)}`,
    uid: number("uid", values.get("uid")),
    gid: number("gid", values.get("gid")),
    mode: parseMode(values.get("mode") ?? "0444"),
  };
}

function variable(values: Map<string, string>, secret: string): string {
  const other = ["uid", "gid", "mode"].find((key) => values.has(key));
  if (other !== undefined) throw new UsageError(`--secret: ${other} is for files, and type=env is a variable`);
  const name = values.get("target") ?? secret;
  if (/[=\0]/.test(name)) throw new UsageError(`--secret: ${JSON.stringify(name)} is not a valid variable name`);
  return name;
}

function fileName(text: string): string {
  if (text !== "." && text !== ".." && !/[/\0]/.test(text) && Buffer.byteLength(text) <= 255) return text;
  throw new UsageError(`--secret: target=${text} is not a file name`, "a name in /run/secrets, or an absolute path");
}

function number(key: string, text = "0"): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1) return Number(text);
  throw new UsageError(`--secret: ${key}=${text} is not a number of a user or group`);
}

function parseMode(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
  throw new UsageError(`--secret: mode=${text} is not a valid mode`, "three octal digits: mode=0400");
}
