/** A pull as Docker shows it: a line for each layer, redrawn on a terminal, else one for each thing that has happened. */

import type { PullReport } from "../../engine/image/pull.ts";
import type { LayerProgress } from "../../image/registry/request.ts";
import { writeAll } from "../../linux/file.ts";
import { getSize, isatty } from "../../linux/tty.ts";
import { humanSize, notice, plain } from "./print.ts";

const redrawMs = 100;
const barWidth = 50;
const encoder = new TextEncoder();

interface Shown {
  fd: 1 | 2;
  isDrawable: boolean;
  /** By layer, in the order in which they came. */
  layers: Map<string, LayerProgress>;
  /** Lines on the screen that are to be drawn over. */
  drawnLines: number;
  drawnAt: number;
}

/** @param fd where it is shown: stdout for `pull`, as Docker does; stderr for whoever has results to print there */
export function showPull(fd: 1 | 2): PullReport & { close(): void } {
  const isDrawable = isatty(fd) && process.env.TERM !== "dumb";
  const shown: Shown = { fd, isDrawable, layers: new Map(), drawnLines: 0, drawnAt: 0 };
  const line = (text: string) => writeAll(fd, encoder.encode(`${text}\n`));
  return {
    begin(reference, path) {
      shown.layers.clear();
      line(`${plain(reference)}: Pulling from ${plain(path)}`);
    },
    layer: (progress) => showLayer(shown, progress, line),
    end({ digest }) {
      settle(shown);
      line(`Digest: ${digest}`);
    },
    notice(text) {
      settle(shown);
      notice(text);
    },
    close: () => settle(shown),
  };
}

/** For who runs the image: on stderr, as stdout is the container's. @param missing the image that is not here, if that is why */
export function showPullForRun(missing: string | undefined): PullReport & { close(): void } {
  const shown = showPull(2);
  if (missing !== undefined) writeAll(2, encoder.encode(`Unable to find image '${plain(missing)}' locally\n`));
  return {
    ...shown,
    end(pulled) {
      shown.end(pulled);
      writeAll(2, encoder.encode(`${statusLine(pulled.isNew, pulled.references[0]!)}\n`));
    },
  };
}

/** Only what went wrong is told. */
export const quietPull = (): PullReport & { close(): void } => ({
  begin: () => {},
  layer: () => {},
  end: () => {},
  notice: () => {},
  close: () => {},
});

/** `Status: Downloaded newer image for busybox:latest`. */
export const statusLine = (isNew: boolean, reference: string): string =>
  `Status: ${isNew ? "Downloaded newer image" : "Image is up to date"} for ${plain(reference)}`;

function showLayer(shown: Shown, progress: LayerProgress, line: (text: string) => void): void {
  const before = shown.layers.get(progress.id);
  // What is extracted while it comes in was told of before.
  if (before?.status === "Pull complete" || before?.status === "Already exists") return;
  shown.layers.set(progress.id, progress);
  if (shown.isDrawable) {
    const now = performance.now();
    if (now - shown.drawnAt < redrawMs) return;
    shown.drawnAt = now;
    draw(shown);
  } else if (before?.status !== progress.status && progress.bytes === undefined)
    line(`${progress.id}: ${progress.status}`);
}

/** Draws how it stands, and leaves it there. */
function settle(shown: Shown): void {
  if (shown.isDrawable) draw(shown);
  shown.drawnLines = 0;
  shown.layers.clear();
}

function draw(shown: Shown): void {
  const { columns, rows } = getSize(shown.fd);
  const width = columns || 80;
  // What has left the screen can't be drawn over.
  const lines = [...shown.layers.values()].slice(-Math.max(1, (rows || 24) - 1)).map(formatLayer);
  if (lines.length === 0) return;
  const up = shown.drawnLines > 0 ? `\u001b[${shown.drawnLines}A` : "";
  const text = lines.map((each) => `\r\u001b[K${each.slice(0, width - 1)}\n`).join("");
  writeAll(shown.fd, encoder.encode(up + text));
  shown.drawnLines = lines.length;
}

/** `a1b2c3d4e5f6: Downloading [=====>    ]  1.2MB/3.4MB`. */
export function formatLayer({ id, status, bytes, totalBytes }: LayerProgress): string {
  if (bytes === undefined || totalBytes === undefined) return `${id}: ${status} `;
  const part = totalBytes > 0 ? Math.min(1, bytes / totalBytes) : 1;
  const filled = Math.round(part * barWidth);
  const bar = `${"=".repeat(filled)}${filled < barWidth ? ">" : ""}`.padEnd(barWidth).slice(0, barWidth);
  return `${id}: ${status} [${bar}]  ${humanSize(bytes)}/${humanSize(totalBytes)}`;
}
