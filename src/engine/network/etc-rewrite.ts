/** The files of /etc of a container that runs, when its networks have changed. */

import { hasCode } from "../../errors.ts";
import { openOnMountIfAny } from "../../linux/at.ts";
import { byteNameOf } from "../../linux/byte-name.ts";
import {
  close,
  type Fd,
  O_DIRECTORY,
  O_PATH,
  O_TRUNC,
  O_WRONLY,
  open,
  openIfAny,
  owned,
  readFileIfAny,
  writeAll,
} from "../../linux/file.ts";
import { fstat } from "../../linux/stat.ts";
import type { Paths } from "../../paths.ts";
import type { Endpoint } from "../../plan/network/network.ts";
import { hasLinks } from "../../plan/network/options.ts";
import { type Container, type ContainerRecord, isUp, listContainers } from "../record/container.ts";
import { upperOf } from "../record/rootfs.ts";
import { planEtcFiles } from "./etc-files.ts";

/**
 * In place, for programs that have them open. The container may have put anything in their stead, which is then within its
 * root in any case, and written to only if it is a file of its own: what is mounted there is the host's, or a volume's.
 */
export function rewriteEtcFiles(
  paths: Paths,
  container: Pick<Container, "record" | "state">,
  endpoints: Endpoint[],
): void {
  const { state } = container;
  const { record, aliases } = linked(paths, container.record);
  if (record.rootfs !== undefined) return;
  // What is read-only inside is so by its mount: the layer below is not. Its files are there since the start.
  const path = record.options.readOnly ? upperOf(paths, container) : `/proc/${state.process?.pid}/root`;
  using root = owned(openIfAny(path, O_PATH | O_DIRECTORY));
  if (root === undefined) return;
  const before = planEtcFiles(record.options, state.network, () => {}).find(({ name }) => name === "hosts");
  for (const { name, text } of planEtcFiles(record.options, { endpoints }, () => {}))
    rewrite(root.fd, name, (old) => (name === "hosts" ? text + addedTo(before?.text ?? "", old, aliases) : text));
}

/** A container has another address in the default network than before: those that are linked to it hear of it. */
export function rewriteLinking(paths: Paths, id: string): void {
  const { linksOf } = require("./links.ts") as typeof import("./links.ts");
  for (const container of listContainers(paths, "running"))
    if (isUp(container) && linksOf(container.record).some((link) => link.id === id))
      rewriteEtcFiles(paths, container, container.state.network?.endpoints ?? []);
}

/** The links among its lines; and by which names older lines of them are known. */
function linked(paths: Paths, record: ContainerRecord): { record: ContainerRecord; aliases: string[] } {
  if (!hasLinks(record.options.network)) return { record, aliases: [] };
  return (require("./links.ts") as typeof import("./links.ts")).currentLinks(paths, record);
}

/** The lines that somebody wrote into the container's file. */
const addedTo = (before: string, now: string, aliases: string[]): string => {
  const ours = new Set(before.split("\n"));
  const added = now.split("\n").filter((line) => !ours.has(line) && !aliases.includes(line.split(/\s+/)[1] ?? ""));
  return added.map((line) => `${line}\n`).join("");
};

function rewrite(root: Fd, name: string, textFor: (old: string) => string): void {
  using place = owned(ownFile(root, `/etc/${name}`));
  if (place === undefined) return;
  // The same file, whatever its name leads to by now.
  const path = `/proc/self/fd/${place.fd}`;
  const text = textFor(fstat(place.fd).size > largest ? "" : (readFileIfAny(path) ?? ""));
  using file = owned(open(path, O_WRONLY | O_TRUNC));
  writeAll(file.fd, new TextEncoder().encode(text), `/etc/${name}`);
}

/** Bytes: a container may fill its files with what it likes. */
const largest = 1 << 20;

/** A file of the container's own layers (O_PATH). */
function ownFile(root: Fd, path: string): Fd | undefined {
  try {
    const place = openOnMountIfAny(root, byteNameOf(path), O_PATH);
    if (place === undefined || fstat(place).type === "file") return place;
    close(place);
  } catch (error) {
    if (!hasCode(error, "EXDEV", "ELOOP", "ENOTDIR")) throw error;
  }
  return undefined;
}
