/** What commands for several containers have in common: whom they mean, and what becomes of the failures. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { type Container, findAnyContainer, findContainer, listContainers } from "../../engine/record/container.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import type { Task } from "../../runtime/task.ts";
import { seeHelp } from "../words/argv.ts";
import { parseFilters } from "../words/filter.ts";
import { forAllNames, forEachName, type Harmless } from "../words/for-each.ts";

/** The operand of such a command. */
export const containerOperand = {
  type: "positional",
  multiple: true,
  required: true,
  description: "Container names, ids, or unique id prefixes",
} as const;

/** Other ways to say which containers are meant; podman's. */
export const selectionArgs = {
  container: { ...containerOperand, required: false },
  all: { type: "boolean", alias: "a", description: "Apply to all containers" },
  filter: {
    type: "string",
    multiple: true,
    empty: "none",
    valueHint: "key=value",
    description: "Containers that `ps --filter` would show",
  },
  latest: { type: "boolean", description: "The container that was created last" },
  ignore: { type: "boolean", alias: "i", description: "Do not fail for containers that do not exist" },
} as const;

export interface Selection {
  container: string[];
  all?: boolean | undefined;
  filter?: string[];
  latest?: boolean | undefined;
  ignore?: boolean | undefined;
}

interface How {
  /** Also one that is damaged. */
  damaged?: boolean;
  harmless?: Harmless;
  /** Whether something else of that name was there to be done with, where no container is. */
  missing?: (paths: Paths, reference: string) => boolean;
  /** Which of all containers `--all` and `--filter` mean. */
  among?: (container: Container) => boolean;
}

/** Does something with each container, one after the other. @returns the exit code: 1 if one failed. */
export async function forEachContainer(
  root: string,
  references: string[],
  use: (paths: Paths, container: Container, reference: string) => void | Promise<void>,
  { damaged = false, harmless }: How = {},
): Promise<number> {
  const paths = pathsOf(root);
  recoverIfAllowed(paths);
  const find = damaged ? findAnyContainer : findContainer;
  return await forEachName(references, (reference) => use(paths, find(paths, reference), reference), harmless);
}

/** Does something with all containers at once. @param use returns the line to print. @returns the exit code: 1 if one failed. */
export function forAllContainers(
  root: string,
  selection: Selection,
  use: (paths: Paths, container: Container, reference: string) => Task<string>,
  { damaged = false, harmless = () => false, missing = () => false, among }: How = {},
): number {
  const paths = pathsOf(root);
  recoverIfAllowed(paths);
  const find = damaged ? findAnyContainer : findContainer;
  const names = select(paths, selection, among);
  const isIgnored: Harmless = (failure) => (selection.ignore ?? false) && failure instanceof NotFoundError;
  return forAllNames(
    names,
    function* (name) {
      try {
        return yield* use(paths, find(paths, name), name);
      } catch (error) {
        // Somebody else has removed one that nobody has named.
        if (error instanceof NotFoundError && isByKind(selection)) return undefined;
        if (error instanceof NotFoundError && missing(paths, name)) return name;
        throw error;
      }
    },
    (failure) => isIgnored(failure) || harmless(failure),
  );
}

/** Whether none is named, but what they are like. */
const isByKind = ({ all, latest, filter = [] }: Partial<Selection>): boolean =>
  Boolean(all || latest || filter.length > 0);

/** The names of those that are meant. */
function select(paths: Paths, { container, all, filter = [], latest }: Selection, among: How["among"]): string[] {
  if (!isByKind({ all, latest, filter })) {
    if (container.length === 0) throw new UsageError("CONTAINER is missing", seeHelp);
    return container;
  }
  if (container.length > 0)
    throw new UsageError("--all, --filter and --latest take no container names", "one or the other");
  const newest = listContainers(paths);
  if (latest) return newest.slice(0, 1).map(({ record }) => record.id);
  // Loaded for who has one.
  const { filtersOf } = require("./filters.ts") as typeof import("./filters.ts");
  const keep = parseFilters(filter, filtersOf(paths));
  return newest.filter((one) => keep(one) && (among?.(one) ?? true)).map(({ record }) => record.id);
}
