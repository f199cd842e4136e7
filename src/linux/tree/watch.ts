/** How far long work on a tree of files is, for who shows it, or wants to end it. */

/** What is done to a tree, and how much of it is done. */
export interface TreeWork {
  work: "removing" | "copying" | "giving away";
  /** What it is done to, as it is to be named. */
  subject?: string;
  entries: number;
  /** Of what is copied. */
  bytes?: number;
}

/** Hears of work that lasts now and then, and is told nothing when it is over. */
type Watch = (done?: TreeWork) => void;
let watch: Watch = () => {};

/** From now on `told` hears of all such work of this process. What it throws ends a copy, or giving away. */
export const watchTrees = (told: Watch): void => {
  watch = told;
};

/** Tells whoever watches. */
export const tell: Watch = (done) => watch(done);

/** So many entries, or bytes, are worth a word. */
export const watchedEntries = 1024;
export const watchedBytes = 64 << 20;
