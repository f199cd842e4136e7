/** Secrets on their way into a container: copied when it is made, shown in memory or as variables when it starts. */

import { InvalidError } from "../../errors.ts";
import { openAt } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import {
  type Fd,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  open,
  owned,
  withFile,
  writeAll,
} from "../../linux/file.ts";
import { fsmount, mountSetattr, moveMount, openTree } from "../../linux/mount.ts";
import { mkdir } from "../../linux/names.ts";
import { inOwnMounts } from "../../linux/namespace.ts";
import { fchmod, fchown } from "../../linux/tree/metadata.ts";
import type { BindStep, HostStep } from "../../plan/host-step.ts";
import type { SecretFile } from "../../plan/secret-mount.ts";
import type { SecretVariable } from "../../plan/secrets.ts";
import { readKeptFile } from "../../record-file.ts";
import type { Ids } from "../userns/ids.ts";

/** Copies secrets into a container's own directory, where they are called by numbers. */
export function copySecrets({ directory, sources }: Extract<HostStep, { do: "copy-secrets" }>): void {
  mkdir(directory, 0o700);
  for (const [number, source] of sources.entries()) {
    const path = `${directory}/${number}`;
    withFile(path, O_WRONLY | O_CREAT | O_EXCL, (fd) => writeAll(fd, readKeptFile(source), path));
  }
}

/** `NAME=value` of those that are variables. @throws InvalidError for what no variable can hold */
export const readSecretVariables = (variables: readonly SecretVariable[]): string[] =>
  variables.map(({ name, path }) => {
    const bytes = readKeptFile(path);
    const value = bytes.includes(0) ? undefined : textOf(bytes);
    if (value !== undefined) return `${name}=${value}`;
    throw new InvalidError(
      `the secret for variable ${name} is not text`,
      "without type=env it is a file in /run/secrets",
    );
  });

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A file system in memory with these files in it; or one of them alone, for a target that is a file. Attached nowhere. */
export function makeSecretMount({ options, secrets: asked = [], target, label }: BindStep, ids?: Ids): Fd {
  const secrets = ids ? asked.map((file) => ({ ...file, ...ownerOf(file, ids) })) : asked;
  const [first] = secrets;
  const labels = label ? [`context=${label.of}`] : [];
  const size = `size=${sizeOf(secrets)}`;
  using memory = owned(fsmount("tmpfs", "tmpfs", ["mode=755", size, "nr_inodes=1000", ...labels]));
  for (const file of secrets) writeSecret(memory.fd, { ...file, name: file.name || "secret" });
  using mount = owned(first?.name === "" ? cloneFile(memory.fd, "secret") : memory.handOff());
  mountSetattr(mount.fd, options, { recursive: false }, `secrets on ${target}`);
  return mount.handOff();
}

/** As the host knows it. */
const ownerOf = (file: SecretFile, ids: Ids) =>
  (require("../userns/ids.ts") as typeof import("../userns/ids.ts")).ownerOnHost(ids, file, `secret ${file.name}`);

const pageBytes = 65536; // of the largest pages there are

const sizeOf = (files: readonly SecretFile[]): number =>
  files.reduce((sum, { path }) => sum + pageBytes * (1 + Math.ceil(readKeptFile(path).length / pageBytes)), pageBytes);

function writeSecret(directory: Fd, { path, name, uid, gid, mode }: SecretFile): void {
  const subject = byteNameOf(name);
  using file = owned(openAt(directory, subject, O_WRONLY | O_CREAT | O_EXCL, subject, 0o600));
  writeAll(file.fd, readKeptFile(path), name);
  fchown(file.fd, uid, gid, subject);
  fchmod(file.fd, mode, subject);
}

/** Kernels before 6.15 clone nothing of a mount that is attached nowhere: so it is, for a moment, where nobody sees it. */
const cloneFile = (memory: Fd, name: string): Fd =>
  inOwnMounts(() => {
    using over = owned(open("/", O_PATH | O_DIRECTORY));
    moveMount(memory, over.fd, "secrets");
    using file = owned(openAt(memory, byteNameOf(name), O_RDONLY));
    return openTree(file.fd, { recursive: false });
  });
