/**
 * What the administrator has set for all containers of this host: defaults that options take the place of, in one file
 * (docs/config.md). A host without it pays for one open that fails.
 */

import { InvalidError, NotFoundError } from "../../errors.ts";
import { O_NONBLOCK, O_RDONLY, openIfAny, owned, readAll } from "../../linux/file.ts";
import { fstat } from "../../linux/stat.ts";
import { configFile } from "../../paths.ts";
import type { Config } from "./config-file.ts";

/** Where vendors put their files of devices; what is said further behind counts. */
export const defaultCdiDirectories = ["/etc/cdi", "/var/run/cdi"];

let read: Config | undefined;

/** Read once. @throws InvalidError for what nobody knows, or is of the wrong kind. */
export function readConfig(): Config {
  read ??= readFile();
  return read;
}

function readFile(): Config {
  const { path, chosen } = configFile();
  const text = readRegularFileIfAny(path);
  if (text !== undefined)
    return (require("./config-file.ts") as typeof import("./config-file.ts")).parseConfig(text, path);
  if (chosen)
    throw new NotFoundError(`there is no configuration file ${path}`, "--config and TINYDOCKER_CONFIG name one");
  return {};
}

const maxBytes = 1 << 20;

/** What an administrator or a vendor has written. Anything else than a file may keep us waiting. */
export function readRegularFileIfAny(path: string): string | undefined {
  using file = owned(openIfAny(path, O_RDONLY | O_NONBLOCK));
  if (file === undefined) return undefined;
  if (fstat(file.fd).type !== "file") throw new InvalidError(`${path} is not a regular file`);
  return new TextDecoder().decode(readAll(file.fd, path, maxBytes));
}
