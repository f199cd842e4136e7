/** Making and removing secrets. */

import { ConflictError } from "../../errors.ts";
import { createStaging, emptyTrash, moveToTrash, prepareStore, withStoreLock } from "../../image/staging.ts";
import { randomHex } from "../../linux/clone.ts";
import { O_CREAT, O_EXCL, O_WRONLY, withFile, writeAll, writeNewFile } from "../../linux/file.ts";
import { mkdir, mkdirAll, rename } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import { formatRecord } from "../../schema.ts";
import { findSecret, readAnySecret, type Secret, secretKind, secretPath } from "../record/secret.ts";

export interface NewSecret {
  name: string;
  value: Uint8Array;
  labels: Record<string, string>;
  /** One that is there gets a new value, and a new id. */
  replace: boolean;
  /** One that is there stays as it is. */
  ignore: boolean;
}

/** Whole or not at all: built beside the others, and renamed. @returns its id. */
export function createSecret(paths: Paths, { name, value, labels, replace, ignore }: NewSecret): string {
  prepareStore(paths);
  const staging = createStaging(paths);
  try {
    const now = new Date().toISOString();
    const secret: Secret = { id: randomHex(13).slice(0, 25), name, created: now, updated: now, labels };
    const built = `${staging.path}/secret`;
    mkdir(built, 0o700);
    writeNewFile(`${built}/secret.json`, formatRecord(secretKind, secret));
    withFile(`${built}/data`, O_WRONLY | O_CREAT | O_EXCL, (fd) => writeAll(fd, value, `secret ${name}`));
    mkdirAll(paths.secrets, 0o700);
    return withStoreLock(paths, "exclusive", () => {
      const old = readAnySecret(paths, name);
      if (old && ignore && !replace) return old.id;
      if (old && !replace)
        throw new ConflictError(`secret ${name} exists`, "--replace gives it a new value; containers keep the old one");
      // Also what is left of one without a record.
      if (statIfAny(secretPath(paths, name))) discard(paths, name);
      rename(built, secretPath(paths, name));
      return secret.id;
    });
  } finally {
    staging.discard();
    emptyTrash(paths);
  }
}

/** Containers that have it keep their copies. @throws NotFoundError */
export function removeSecret(paths: Paths, reference: string): string {
  const { id, name } = readAnySecret(paths, reference) ?? findSecret(paths, reference);
  withStoreLock(paths, "exclusive", () => discard(paths, name));
  emptyTrash(paths);
  return id;
}

function discard(paths: Paths, name: string): void {
  mkdirAll(paths.trash);
  moveToTrash(paths, secretPath(paths, name));
}
