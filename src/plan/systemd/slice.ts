/** Slices of systemd, and the cgroups that they are: `a-b.slice` is in `a.slice` (systemd.slice(5)). Pure. */

/** The cgroups of a slice, the outermost first: none for the root, which is `-.slice`. Undefined if that is no slice's name. */
export function slicesOf(slice: string): string[] | undefined {
  if (!/^[\w:.\\-]+\.slice$/.test(slice) || slice.length > maxName) return undefined;
  const names = slice.slice(0, -".slice".length).split("-");
  if (slice === "-.slice") return [];
  if (names.includes("")) return undefined;
  return names.map((_, at) => `${names.slice(0, at + 1).join("-")}.slice`);
}

/** Of any unit. */
export const maxName = 255;
