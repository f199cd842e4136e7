/**
 * Lists and maps of Go that are not there: empty for a template (`{{len .Binds}}` is 0), and in JSON null, or no key at all.
 * For those who describe things in Docker's words. Pure.
 */

/** A value's own idea of what it is in JSON, where that is not what a template sees; undefined leaves the key out. */
export const asJson = Symbol("what json prints instead");

const list = (json: null | undefined): never[] => Object.assign([], { [asJson]: json });
const map = (json: null | undefined): Map<string, never> => Object.assign(new Map<string, never>(), { [asJson]: json });

/** A list that is null in JSON where nothing is in it. */
export const listOrNull = <Item>(items: readonly Item[] | null | undefined): readonly Item[] =>
  items?.length ? items : list(null);

/** A list that JSON does not have where nothing is in it: Go's `omitempty`. */
export const listOrNone = <Item>(items: readonly Item[] | null | undefined): readonly Item[] =>
  items?.length ? items : list(undefined);

type Entries<Item> = Iterable<readonly [string, Item]> | Readonly<Record<string, Item>> | null | undefined;

/** A map that is null in JSON where nothing is in it. */
export const mapOrNull = <Item>(entries?: Entries<Item>): ReadonlyMap<string, Item> => orEmpty(entries, null);

/** A map that JSON does not have where nothing is in it. */
export const mapOrNone = <Item>(entries?: Entries<Item>): ReadonlyMap<string, Item> => orEmpty(entries, undefined);

function orEmpty<Item>(entries: Entries<Item>, json: null | undefined): ReadonlyMap<string, Item> {
  const isIterable = entries != null && Symbol.iterator in entries;
  const filled = new Map(isIterable ? (entries as Iterable<[string, Item]>) : Object.entries(entries ?? {}));
  return filled.size > 0 ? filled : map(json);
}
