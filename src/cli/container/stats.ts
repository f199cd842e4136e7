/** `tinydocker stats`: what containers use, once or again every second, drawn in place on a terminal. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { cpusBetween, type Sample, sampleContainer } from "../../engine/inspect/stats.ts";
import { type Container, findContainer, isUp, listContainers, readContainer } from "../../engine/record/container.ts";
import { hasCode } from "../../errors.ts";
import { writeAll } from "../../linux/file.ts";
import { poll } from "../../linux/poll.ts";
import { getSize, isatty } from "../../linux/tty.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { type Listing, renderList } from "../words/list.ts";
import { humanSize } from "../words/print.ts";
import { draw } from "../words/screen.ts";

const frameMs = 1000;
/** Two looks this far apart tell how much CPU is used; Docker waits for two seconds. */
const onceMs = 500;

export default defineCommand({
  meta: { name: "stats", group: "Inspect", description: "Show the resource usage of containers, live" },
  args: {
    container: {
      type: "positional",
      multiple: true,
      description: "Container names, ids, or unique id prefixes (all that are running)",
    },
    all: { type: "boolean", alias: "a", description: "Include containers that are not running" },
    "no-stream": { type: "boolean", description: "Print once and exit" },
    "no-trunc": { type: "boolean", description: "Do not truncate ids" },
    format: {
      type: "string",
      valueHint: "template",
      description: "Output format: table, 'table TEMPLATE', json, or a Go template",
    },
  },
  examples: ["tinydocker stats", "tinydocker stats --no-stream web"],
  run: ({ container: names, all = false, format, ...args }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const ids = names.map((name) => findContainer(paths, name).record.id);
    const look = () => (ids.length > 0 ? readThese(paths, ids) : readAll(paths, all));
    const render = renderer(format, args["no-trunc"] ?? false);
    // Of CPU time nothing can be told yet.
    const first = render(look());
    if (args["no-stream"]) {
      poll([], onceMs);
      show(render(look()));
      return 0;
    }
    const next = isatty(1) ? draw(show, () => getSize(1)) : show;
    if (isatty(1)) next(first);
    do poll([], frameMs);
    while (next(render(look())));
    return 0;
  },
});

/** @returns false if nobody is there any more who could see it. */
function show(text: string): boolean {
  try {
    writeAll(1, new TextEncoder().encode(text));
    return true;
  } catch (error) {
    if (hasCode(error, "EPIPE", "EIO", "EBADF")) return false;
    throw error;
  }
}

const readThese = (paths: Paths, ids: string[]): Container[] => ids.flatMap((id) => readContainer(paths, id) ?? []);

const readAll = (paths: Paths, all: boolean): Container[] =>
  listContainers(paths).filter((container) => all || isUp(container));

/** A container with what it uses; without samples it is down, with one alone there is nothing to compare. */
interface Row {
  container: Container;
  before?: Sample;
  now?: Sample;
}

/** Makes text of containers, and remembers their samples for the next time. */
function renderer(format: string | undefined, full: boolean): (containers: Container[]) => string {
  let last = new Map<string, Sample>();
  return (containers) => {
    const rows = containers.map((container): Row => {
      if (!isUp(container)) return { container };
      const before = last.get(container.record.id);
      const now = sampleContainer(container);
      return { container, now, ...(before && before.cpuMs <= now.cpuMs && { before }) };
    });
    last = new Map(rows.flatMap(({ container, now }) => (now ? [[container.record.id, now] as const] : [])));
    return renderList(listing(full), rows, format);
  };
}

const idOf = ({ container }: Row, full: boolean): string =>
  full ? container.record.id : container.record.id.slice(0, 12);

const unknown = "--";

const listing = (full: boolean): Listing<Row> => ({
  type: "stats",
  columns: {
    Container: ["CONTAINER", (row) => idOf(row, full)],
    Name: ["NAME", ({ container }) => container.record.name],
    ID: ["CONTAINER ID", (row) => idOf(row, full)],
    CPUPerc: ["CPU %", cpuText],
    MemUsage: ["MEM USAGE / LIMIT", ({ now }) => pair(now?.memory, now?.memoryLimit, binarySize)],
    MemPerc: ["MEM %", ({ now }) => percent(now ? now.memory / now.memoryLimit : 0)],
    NetIO: ["NET I/O", ({ now }) => pair(now?.received, now?.sent, humanSize)],
    BlockIO: ["BLOCK I/O", ({ now }) => pair(now?.readBytes, now?.writtenBytes, humanSize)],
    PIDs: ["PIDS", ({ now }) => String(now?.tasks ?? 0)],
  },
  table: ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
  quiet: "ID",
});

function cpuText({ now, before }: Row): string {
  if (!now) return percent(0);
  return before ? percent(cpusBetween(before, now)) : unknown;
}

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;

const pair = (first = 0, second = 0, text: (bytes: number) => string): string => `${text(first)} / ${text(second)}`;

/** Bytes as Docker prints memory: 1.5MiB (powers of 1024, four digits). */
export function binarySize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}
