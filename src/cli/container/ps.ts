/** `tinydocker ps`: the containers that run, or all of them. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { sizeOfContainer } from "../../engine/container/size.ts";
import { shownPorts } from "../../engine/network/ports.ts";
import { type Container, isUp, listContainers, type Status } from "../../engine/record/container.ts";
import { unknownTime } from "../../engine/record/container-name.ts";
import { UsageError } from "../../errors.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { networksOf } from "../../plan/network/options.ts";
import { noOptions } from "../../plan/options.ts";
import { givenArgs } from "../../plan/spec.ts";
import { defineCommand } from "../words/command.ts";
import { parseFilters } from "../words/filter.ts";
import { type Listing, labelOf, labelsText, listArgs, printList } from "../words/list.ts";
import { humanAge, humanDuration, humanSize, localTime } from "../words/print.ts";
import { quote } from "../words/template/literal.ts";
import { filtersOf } from "./filters.ts";
import { portsText } from "./ports.ts";

export default defineCommand({
  meta: { name: "ps", group: "Inspect", description: "List containers" },
  args: {
    all: { type: "boolean", alias: "a", description: "Include containers that are not running" },
    latest: { type: "boolean", alias: "l", description: "Show only the newest container, in any state" },
    last: {
      type: "string",
      alias: "n",
      valueHint: "count",
      empty: "checked",
      description: "Show only the newest containers, in any state",
    },
    size: { type: "boolean", alias: "s", description: "Show the size of containers' files" },
    ...listArgs,
  },
  examples: [
    "tinydocker ps -a",
    "tinydocker ps --filter status=exited -q",
    `tinydocker ps --format 'table {{.Names}}\\t{{.Status}}'`,
  ],
  run: ({ all, latest, last, filter, size, "no-trunc": full = false, ...how }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const newest = latest ? 1 : parseCount(last);
    const keep = parseFilters(filter, filtersOf(paths));
    // As Docker: whoever asks for a status means those that do not run, too.
    const any = all || newest !== undefined || filter.some((word) => /^(status|exited)=/.test(word));
    const containers = any
      ? listContainers(paths)
      : listContainers(paths, "running").filter((container) => isUp(container) || listed.includes(container.status));
    // It takes its time: only for who wants to know.
    const sizes = size || how.format?.includes(".Size") ? (row: Container) => sizeText(paths, row) : () => "N/A";
    printList(containerListing(full, sizes, size ?? false), containers.filter(keep).slice(0, newest), how);
    return 0;
  },
});

/** Beside those that are up; what is damaged may be up, too. */
const listed: Status[] = ["restarting", "damaged"];

function parseCount(text: string | undefined): number | undefined {
  if (text === undefined || text === "-1") return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`--last: ${JSON.stringify(text)} is not a valid number of containers`);
  return Number(text);
}

const shortId = (id: string): string => id.slice(0, 12);
const longestCommand = 20;

/** @param full nothing is shortened. @param sizeOf what its files take. */
export const containerListing = (
  full: boolean,
  sizeOf: (row: Container) => string,
  size: boolean,
): Listing<Container> => ({
  type: "container",
  columns: {
    ID: ["CONTAINER ID", ({ record }) => (full ? record.id : shortId(record.id))],
    Names: ["NAMES", ({ record }) => record.name],
    Image: ["IMAGE", ({ record }) => record.image],
    Command: ["COMMAND", (row) => unlessLost(row, "command", () => quoted(commandOf(row), full))],
    CreatedAt: ["CREATED AT", (row) => unlessLost(row, "created", () => localTime(row.record.created))],
    RunningFor: ["CREATED", (row) => unlessLost(row, "created", () => humanAge(row.record.created))],
    Ports: ["PORTS", (container) => portsText(shownPorts(container))],
    State: ["STATE", ({ status }) => (status === "unknown" ? "running" : status)],
    Status: ["STATUS", statusText],
    Labels: ["LABELS", ({ record }) => labelsText(record.settings.labels)],
    Mounts: ["MOUNTS", (container) => mountsText(container, full)],
    LocalVolumes: [
      "LOCAL VOLUMES",
      ({ record }) => String(record.options.mounts.filter(({ type }) => type === "volume").length),
    ],
    Networks: ["NETWORKS", ({ record }) => networksOf(record.options.network).join(",")],
    // As Docker, which has none to tell but of image indexes.
    Platform: ["PLATFORM", () => ""],
    Size: ["SIZE", sizeOf],
  },
  methods: { Label: ({ record }, name) => labelOf(record.settings.labels, name) },
  table: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", ...(size ? ["Size"] : [])],
  quiet: "ID",
});

/** Of a damaged one `?` for what stands in for what could not be read. */
function unlessLost({ record, damage }: Container, field: "created" | "command", text: () => string): string {
  if (damage === undefined) return text();
  return (field === "created" ? record.created === unknownTime : record.options === noOptions) ? "?" : text();
}

/** What it runs, as one line. */
export const commandOf = ({ record: { options, defaults } }: Container): string =>
  givenArgs(options, defaults).map(inQuotes).join(" ") || "/bin/sh";

/** As Docker shows the arguments of a program; the program itself stays as it is. */
const inQuotes = (word: string, at: number): string => (at > 0 && word.includes(" ") ? `'${word}'` : word);

const longestMount = 15;

/** Volumes by name and binds by source; a tmpfs has neither. */
function mountsText({ record }: Container, full: boolean): string {
  const sources = record.options.mounts.flatMap(({ type, source }) => (type === "tmpfs" || !source ? [] : [source]));
  return sources.map((source) => shortened(source, full ? Number.POSITIVE_INFINITY : longestMount)).join(",");
}

function quoted(command: string, full: boolean): string {
  return quote(full ? command : shortened(command, longestCommand));
}

const shortened = (text: string, longest: number): string =>
  text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;

/** As Docker words it: `Up 3 minutes`, `Exited (0) 2 hours ago`. */
export function statusText({ state, status }: Container): string {
  const up = state.started === undefined ? "Up" : `Up ${humanDuration(Date.now() - Date.parse(state.started))}`;
  const ago = state.finished === undefined ? "" : ` ${humanAge(state.finished)}`;
  return {
    created: "Created",
    running: up + healthText(state),
    paused: `${up} (Paused)`,
    unknown: `${up} (no monitor)`,
    restarting: `Restarting (${state.exitCode ?? 0})${ago}`,
    exited: `Exited (${state.exitCode ?? 0})${ago}`,
    damaged: "Damaged",
  }[status];
}

const healthText = ({ health }: Container["state"]): string =>
  health ? ` (${health.status === "starting" ? "health: starting" : health.status})` : "";

/** What it has written and, with the image, what it sees. */
function sizeText(paths: Paths, { record }: Container): string {
  const { writtenBytes, rootBytes } = sizeOfContainer(paths, record);
  return `${humanSize(writtenBytes)} (virtual ${humanSize(rootBytes)})`;
}
