/**
 * What the administrator has set for all containers of this host: defaults that options take the place of, in one file
 * (docs/config.md). A host without it pays for one open that fails.
 */

import { NotFoundError } from "../../errors.ts";
import { configFile } from "../../paths.ts";
import { readRegularFileIfAny } from "../../record-file.ts";
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
