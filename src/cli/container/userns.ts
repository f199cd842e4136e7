/** What the options of `run` and `create` say of a container's user namespace. Loaded for those that say something. Pure. */

import { UsageError } from "../../errors.ts";
import type { IdMapping } from "../../oci/rare.ts";
import type { UserNamespaceRequest } from "../../plan/userns/spec.ts";
import type { Values } from "../words/command.ts";
import type { usernsArgs } from "./process-args.ts";

type UsernsValues = Values<typeof usernsArgs>;
type Caller = UserNamespaceRequest["caller"];

const kinds = ["host", "auto", "keep-id", "nomap", "private", "container"] as const;
const known = "auto, host, keep-id, nomap, private, container:NAME";

/** @param assumed what the configuration says of all containers. @returns undefined for the host's. */
export function parseUserNamespace(
  args: UsernsValues,
  assumed: "auto" | undefined,
  caller: Caller,
): UserNamespaceRequest | undefined {
  const maps = mapsOf(args);
  const mode = args.userns || (maps ? "private" : undefined);
  if (mode === undefined) return assumed && { kind: assumed, mode: assumed, caller, byDefault: true };
  const [word = "", ...rest] = mode.split(":");
  const more = rest.join(":");
  const kind = kinds.find((one) => one === word);
  if (!kind) throw new UsageError(`--userns: ${JSON.stringify(mode)} is not a valid namespace`, `one of ${known}`);
  if (maps && kind !== "private") throw new UsageError(`--userns ${mode} and ${maps.option} cannot be combined`);
  const request = { kind, mode, caller };
  if (kind === "container") {
    if (!/^[^:]+$/.test(more)) throw new UsageError(`--userns: ${JSON.stringify(mode)} names no container`);
    return { ...request, container: more };
  }
  const { option: _option, ...given } = maps ?? {};
  return { ...request, ...given, ...parseDetails(kind, mode, more) };
}

const details: Partial<Record<(typeof kinds)[number], readonly string[]>> = {
  auto: ["size"],
  private: ["size"],
  nomap: ["size"],
  "keep-id": ["size", "uid", "gid"],
};

const maxSize = 1 << 24;

/** `size=N`, `uid=N`, `gid=N`, with commas between. */
function parseDetails(kind: (typeof kinds)[number], mode: string, text: string) {
  const values: { size?: number; uid?: number; gid?: number } = {};
  for (const word of text.split(",").filter(Boolean)) {
    const [, name = "", digits = ""] = /^([a-z]+)=(\d{1,10})$/.exec(word) ?? [];
    if (!details[kind]?.includes(name))
      throw new UsageError(
        `--userns: ${JSON.stringify(word)} in ${mode} is not supported`,
        details[kind] ? `one of ${details[kind].map((one) => `${one}=N`).join(", ")}` : `${kind} takes nothing more`,
      );
    values[name as keyof typeof values] = Number(digits);
  }
  if (values.size !== undefined && (values.size < 1 || values.size > maxSize))
    throw new UsageError(`--userns: size=${values.size} is not a number from 1 to ${maxSize}`);
  return values;
}

/** Lines of maps, or names of subuid(5); and the option that said so. */
function mapsOf(args: UsernsValues) {
  const { uidmap, gidmap, subuidname, subgidname } = args;
  const option =
    uidmap.length > 0
      ? "--uidmap"
      : gidmap.length > 0
        ? "--gidmap"
        : subuidname
          ? "--subuidname"
          : subgidname && "--subgidname";
  if (!option) return undefined;
  for (const [one, lines, name, other] of [
    ["--uidmap", uidmap, subuidname, "--subuidname"],
    ["--gidmap", gidmap, subgidname, "--subgidname"],
  ] as const)
    if (lines.length > 0 && name) throw new UsageError(`${one} and ${other} cannot be combined`);
  return {
    option,
    ...(uidmap.length > 0 && { uids: uidmap.map((text) => parseMap("--uidmap", text)) }),
    ...(gidmap.length > 0 && { gids: gidmap.map((text) => parseMap("--gidmap", text)) }),
    ...(subuidname && { subuidName: subuidname }),
    ...(subgidname && { subgidName: subgidname }),
  };
}

/** The last id but one: -1 is none. */
const maxId = 0xffff_fffe;

/** `CONTAINER:HOST[:COUNT]`; podman's signs before it are about maps of other maps. */
function parseMap(option: string, text: string): IdMapping {
  const match = /^(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?$/.exec(text);
  const [, containerID = 0, hostID = 0, size = 1] = (match ?? []).map((digits) =>
    digits === undefined ? 1 : Number(digits),
  ) as number[];
  const fits = size > 0 && containerID + size - 1 <= maxId && hostID + size - 1 <= maxId;
  if (match && fits) return { containerID, hostID, size };
  throw new UsageError(
    `${option}: ${JSON.stringify(text)} is not CONTAINER:HOST[:COUNT]`,
    "as in 0:100000:65536: root inside is user 100000 of the host",
  );
}
