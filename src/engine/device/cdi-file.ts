/** What stands in a file of the Container Device Interface, and what is wrong with one. Pure. */

import { type Hook, type HookKind, hookKinds } from "../../oci/rare.ts";
import { anything, type Check, list, number, object, oneOf, optional, text } from "../../schema.ts";

export interface CdiFile {
  /** Where it is; not in the file. */
  path: string;
  cdiVersion: string;
  /** `vendor.com/class` */
  kind: string;
  devices: CdiDevice[];
  /** Of all its devices. */
  containerEdits?: Edits;
}

export interface CdiDevice {
  name: string;
  containerEdits?: Edits;
}

export interface Edits {
  env?: string[];
  deviceNodes?: DeviceNode[];
  mounts?: { hostPath: string; containerPath: string; type?: string; options?: string[] }[];
  hooks?: CdiHook[];
  additionalGids?: number[];
  intelRdt?: object;
  netDevices?: unknown[];
}

/** As a hook of the OCI specification, and of which kind. */
export interface CdiHook extends Hook {
  hookName: HookKind;
}

export interface DeviceNode {
  path: string;
  hostPath?: string;
  type?: "b" | "c" | "u" | "p";
  major?: number;
  minor?: number;
  fileMode?: number;
  permissions?: string;
  uid?: number;
  gid?: number;
}

const texts = list(text);

const absolute: Check<string> = (value) =>
  text(value) ?? ((value as string).startsWith("/") ? undefined : ` ${JSON.stringify(value)} is not an absolute path`);

const edits = object<Edits>({
  env: optional(texts),
  deviceNodes: optional(
    list(
      object<DeviceNode>({
        path: text,
        hostPath: optional(text),
        type: optional(oneOf("b", "c", "u", "p")),
        major: optional(number),
        minor: optional(number),
        fileMode: optional(number),
        permissions: optional(text),
        uid: optional(number),
        gid: optional(number),
      }),
    ),
  ),
  mounts: optional(
    list(
      object<NonNullable<Edits["mounts"]>[number]>({
        hostPath: text,
        containerPath: text,
        type: optional(text),
        options: optional(texts),
      }),
    ),
  ),
  hooks: optional(
    list(
      object<CdiHook>({
        hookName: oneOf(...hookKinds),
        path: absolute,
        args: optional(texts),
        env: optional(texts),
        timeout: optional(number),
      }),
    ),
  ),
  additionalGids: optional(list(number)),
  intelRdt: optional(anything as Check<object>),
  netDevices: optional(list(anything)),
});

const file = object<Omit<CdiFile, "path">>({
  cdiVersion: text,
  kind: text,
  devices: list(object<CdiDevice>({ name: text, containerEdits: optional(edits) })),
  containerEdits: optional(edits),
});

/** @returns what is wrong: `devices is missing`. */
export function checkCdi(content: unknown): string | undefined {
  const wrong = file(content)?.replace(/^[. ]/, "");
  if (wrong !== undefined) return wrong;
  const { kind } = content as CdiFile;
  return isKind(kind) ? undefined : `kind ${JSON.stringify(kind)} is not vendor.com/class`;
}

const isKind = (text: string): boolean => /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*$/.test(text);
