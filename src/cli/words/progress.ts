/** The progress of long work (loading, saving, committing), on stderr: one line redrawn on a terminal, next to nothing elsewhere. */

import { writeAll } from "../../linux/file.ts";
import { watchRemovals } from "../../linux/tree/tree.ts";
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

/** Shows at a terminal how far the removal of large trees is, for commands that remove. */
export function showRemovals(): void {
  if (!isDrawable()) return;
  let drawnAt = Number.NEGATIVE_INFINITY;
  watchRemovals((entries) => {
    if (entries === undefined) return writeAll(2, encoder.encode("\r\u001b[K"));
    const now = performance.now();
    if (now - drawnAt < redrawMs) return;
    drawnAt = now;
    draw(`removing: ${entries} files are gone`);
  });
}

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
