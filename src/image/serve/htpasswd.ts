/** Passwords: the lines of an htpasswd file, `user:$2y$05$...`. bcrypt alone, as other registries have it: the older hashes are no protection. */

import { InvalidError } from "../../errors.ts";
import { readFile } from "../../linux/file.ts";
import { statIfAny } from "../../linux/stat.ts";

/** Tells whether an Authorization header is that of a user in the file. */
export interface Passwords {
  admits(authorization: string | null): Promise<boolean>;
}

/** A user that nobody is, so that a name that is unknown takes as long as a wrong password. */
const nobody = "$2b$10$CwTycUXWue0Thq9StjUM0uJ8i0GZkYy3LhH3m4t0Zb6u4a1fJ8b5K";
const maxRemembered = 1000;
const maxAtOnce = 4;

/** @throws InvalidError for a line that is none of bcrypt's */
export function parsePasswords(text: string, subject: string): Map<string, string> {
  const users = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, user, hash] = /^([^:]+):(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/.exec(line.trim()) ?? [];
    if (user === undefined || hash === undefined)
      throw new InvalidError(
        `line ${index + 1} of ${subject} is no user with a bcrypt hash`,
        `htpasswd -B ${subject} USER`,
      );
    users.set(user, hash);
  }
  if (users.size === 0) throw new InvalidError(`${subject} has no users`, `htpasswd -B -c ${subject} USER`);
  return users;
}

/** Reads the file, and again when it has changed. @throws InvalidError */
export function openPasswords(file: string): Passwords {
  let users = parsePasswords(readFile(file), file);
  let stamp = stampOf(file);
  // bcrypt is slow on purpose, and clients send the same words with each request: its answer is kept, under a digest of them.
  let known = new Set<string>();
  let running = 0;
  const refresh = () => {
    const now = stampOf(file);
    if (now === stamp) return;
    stamp = now;
    known = new Set();
    try {
      users = parsePasswords(readFile(file), file);
    } catch {
      users = new Map(); // what nobody can read admits nobody
    }
  };
  return {
    async admits(authorization) {
      refresh();
      const [, encoded] = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? "") ?? [];
      if (encoded === undefined) return false;
      const key = new Bun.CryptoHasher("sha256").update(encoded).digest("hex");
      if (known.has(key)) return true;
      if (running >= maxAtOnce) return false; // who guesses does not take all processors
      const given = Buffer.from(encoded, "base64").toString("utf8");
      const colon = given.indexOf(":");
      const hash = users.get(given.slice(0, Math.max(colon, 0)));
      running++;
      try {
        // htpasswd(1) writes 2y, which is what everybody else calls 2b.
        const right = await Bun.password.verify(
          given.slice(colon + 1),
          (hash ?? nobody).replace(/^\$2[ay]/, "$2b"),
          "bcrypt",
        );
        if (!right || hash === undefined || colon < 1) return false;
      } catch {
        return false;
      } finally {
        running--;
      }
      if (known.size >= maxRemembered) known.clear();
      known.add(key);
      return true;
    },
  };
}

function stampOf(file: string): string {
  const found = statIfAny(file);
  return found ? [found.device, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(" ") : "";
}
