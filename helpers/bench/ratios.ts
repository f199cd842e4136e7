/** Lines of a table that says how many times of others' figures each figure is. */

/** One quantity, measured of several side by side. */
export interface Quantity {
  /** With its unit. */
  what: string;
  figures: { name: string; ours: boolean; values: number[] }[];
  digits: number;
  goal?: string;
}
/** Whose medians the others' are divided by. */
export interface Reference {
  name: string;
  title: string;
}

export function headOf(references: Reference[]): string {
  const titles = ["what", "of", "median", "least", ...references.map(({ title }) => `times ${title}`), "goal"];
  return `\n| ${titles.join(" | ")} |\n|---|---|${"---:|".repeat(references.length + 2)}---|`;
}

/** The goal stands beside what is ours. */
export function linesOf({ what, figures, digits, goal = "" }: Quantity, references: Reference[]): string {
  const medians = new Map(figures.map(({ name, values }) => [name, median(values)]));
  const line = ({ name, ours, values }: Quantity["figures"][number]) => {
    const own = median(values);
    const ratios = references.map((other) => ratio(own, medians.get(other.name)));
    const shown = [own, Math.min(...values)].map((value) => value.toFixed(digits));
    return `| ${[what, name, ...shown, ...ratios, ours ? goal : ""].join(" | ")} |`;
  };
  return figures.map(line).join("\n");
}

const ratio = (own: number, other: number | undefined): string => (other ? (own / other).toFixed(2) : "");

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
