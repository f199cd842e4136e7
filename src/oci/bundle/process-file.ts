/** A process in a file of its own, as an `exec` may be given one. */

import { parseJson } from "../json.ts";
import type { Process, Spec } from "../spec.ts";
import { checkProcess, isCapability } from "./check-process.ts";
import { process } from "./process.ts";

/** The process of an `exec`, from a file of its own. @throws InvalidError, UnsupportedError */
export function parseProcess(content: Uint8Array | string): Process {
  const read = process(parseJson(content, "process.json"), "process.json:");
  checkProcess(read);
  return withKnownCapabilities({ process: read }).process;
}

/** One that nobody knows is warned of, and not given. */
export function withKnownCapabilities<Type extends Pick<Spec, "process">>(spec: Type): Type {
  const { capabilities } = spec.process;
  if (!capabilities) return spec;
  const known = Object.entries(capabilities).map(([set, names]: [string, string[]]) => [
    set,
    names.filter(isCapability),
  ]);
  return { ...spec, process: { ...spec.process, capabilities: Object.fromEntries(known) } };
}
