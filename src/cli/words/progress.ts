/** The progress of long work (loading, saving, committing), on stderr: one line redrawn on a terminal, next to nothing elsewhere. */

import { endIfInterrupted } from "../../engine/image/interrupt.ts";
import { writeAll } from "../../linux/file.ts";
import { type TreeWork, watchTrees } from "../../linux/tree/watch.ts";
import { getSize, isatty } from "../../linux/tty.ts";
import { humanSize, notice, plain } from "./print.ts";

/** What such work tells as it goes on. */
export interface Progress {
  layer: number;
  ofLayers: number;
  bytes: number;
  /** 0 where nobody knows. */
  totalBytes: number;
}

const encoder = new TextEncoder();
const redrawMs = 100;
const barWidth = 30;

/**
 * Shows the progress of one file; call `done` when it is over, however it ended. Nothing is shown before the work has begun:
 * what is wrong with the words of a command is said first, and alone.
 * @param told where nothing can be redrawn, too: in one line in all. Of most work only a terminal is told, as by Docker.
 */
export function showProgress(
  file: string,
  doing = "loading",
  told = isatty(2),
): { update(progress: Progress): void; done(): void } {
  // The number of a descriptor says nothing on its own.
  const base = /\/fd\/\d+$/.test(file) ? file : file.slice(file.lastIndexOf("/") + 1);
  const name = `${doing} ${plain(base)}`;
  if (!isDrawable()) {
    let isSaid = !told;
    return {
      update: () => {
        if (!isSaid) notice(name);
        isSaid = true;
      },
      done: () => {},
    };
  }
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawn = false;
  return {
    update: (progress) => {
      const now = performance.now();
      if (now - drawnAt < redrawMs) return;
      drawnAt = now;
      drawn = true;
      draw(`${line(name, progress)}`);
    },
    done: () => {
      if (drawn) writeAll(2, encoder.encode("\r\u001b[K"));
    },
  };
}

let workDrawnAt: number | undefined;

/** Shows at a terminal how far work on a large tree is, or no more where it is over. */
function showWork(done?: TreeWork): void {
  if (!isDrawable()) return;
  const now = performance.now();
  if (done === undefined) {
    if (workDrawnAt !== undefined) writeAll(2, encoder.encode("\r\u001b[K"));
    workDrawnAt = undefined;
  } else if (workDrawnAt === undefined || now - workDrawnAt >= redrawMs) {
    workDrawnAt = now;
    draw(inWords(done));
  }
}

function inWords({ work, subject = "", entries, bytes = 0 }: TreeWork): string {
  if (work === "removing") return `removing: ${entries} files are gone`;
  if (work === "copying") return `copying: ${entries} files, ${humanSize(bytes)}, of the image's ${plain(subject)}`;
  return `changing owners: ${entries} files of ${plain(subject)}`;
}

/** For commands that remove. */
export const showRemovals = (): void => watchTrees(showWork);

/**
 * For commands that start a container: what is copied for it, or given to it. What is removed when it ends is not shown, as by
 * then what it has written last may stand on the line. @throws InterruptedError if a signal waits.
 */
export function showStart(done: TreeWork | undefined, quiet = false): void {
  if (done?.work === "removing") return;
  if (done) endIfInterrupted();
  if (!quiet) showWork(done);
}

/** For who runs an image that has to be pulled first. */
export const showPullForRun = (missing: string | undefined) => pullProgress().showPullForRun(missing);

/** Nothing is said of what is loaded or pulled. */
export const quiet = {
  loading: () => ({ update: () => {}, done: () => {} }),
  pulling: () => pullProgress().quietPull(),
};

const pullProgress = () => require("./pull-progress.ts") as typeof import("./pull-progress.ts");

const isDrawable = (): boolean => isatty(2) && process.env.TERM !== "dumb";

function line(name: string, { layer, ofLayers, bytes, totalBytes }: Progress): string {
  if (totalBytes === 0) return `${name} ${humanSize(bytes)}`;
  const part = totalBytes > 0 ? Math.min(1, bytes / totalBytes) : 0;
  const filled = Math.round(part * barWidth);
  const bar = `${"=".repeat(filled)}${filled < barWidth ? ">" : ""}`.padEnd(barWidth).slice(0, barWidth);
  const layers = ofLayers > 1 ? ` layer ${layer}/${ofLayers}` : "";
  return `${name}${layers} [${bar}] ${humanSize(bytes)}/${humanSize(totalBytes)}`;
}

/** Over the line before, cut to the screen: a longer one would wrap and stay. */
function draw(text: string): void {
  const width = getSize(2).columns || 80;
  writeAll(2, encoder.encode(`\r\u001b[K${text.slice(0, width - 1)}`));
}
