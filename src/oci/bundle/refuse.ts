/** Errors about fields of a config.json. */

import { InvalidError, UnsupportedError } from "../../errors.ts";

export function invalid(where: string, reason: string, hint?: string): never {
  throw new InvalidError(`config.json: ${where}: ${reason}`, hint);
}

export function unsupported(where: string, reason: string, hint?: string): never {
  throw new UnsupportedError(`config.json: ${where}: ${reason}`, hint);
}
