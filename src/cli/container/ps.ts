/** `tinydocker ps`: the containers that run, or all of them. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { sizeOfContainer } from "../../engine/container/size.ts";
import { listKnownNetworks } from "../../engine/network/known.ts";
import { type ShownPort, shownPorts } from "../../engine/network/ports.ts";
import { type Container, findContainer, isUp, listContainers, type Status } from "../../engine/record/container.ts";
import { UsageError } from "../../errors.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { networksOf } from "../../plan/network-options.ts";
import { parseExpose } from "../../plan/publish.ts";
import { givenArgs } from "../../plan/spec.ts";
import { defineCommand } from "../words/command.ts";
import { type Filters, labelFilter, parseFilters } from "../words/filter.ts";
import { type Listing, listArgs, printList } from "../words/list.ts";
import { humanAge, humanDuration, humanSize, localTime } from "../words/print.ts";
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
    Command: ["COMMAND", (container) => quoted(commandOf(container), full)],
    CreatedAt: ["CREATED AT", ({ record }) => localTime(record.created)],
    RunningFor: ["CREATED", ({ record }) => humanAge(record.created)],
    Ports: ["PORTS", (container) => portsText(shownPorts(container))],
    State: ["STATE", ({ status }) => (status === "unknown" ? "running" : status)],
    Status: ["STATUS", statusText],
    Labels: [
      "LABELS",
      ({ record }) =>
        Object.entries(record.settings.labels)
          .map((label) => label.join("="))
          .join(","),
    ],
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
  methods: { Label: ({ record }, name) => record.settings.labels[name] ?? "" },
  table: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", ...(size ? ["Size"] : [])],
  quiet: "ID",
});

/** What it runs, as one line. */
export const commandOf = ({ record: { options, defaults } }: Container): string =>
  givenArgs(options, defaults).join(" ") || "/bin/sh";

const longestMount = 15;

/** Volumes by name and binds by source; a tmpfs has neither. */
function mountsText({ record }: Container, full: boolean): string {
  const sources = record.options.mounts.flatMap(({ type, source }) => (type === "tmpfs" || !source ? [] : [source]));
  return sources.map((source) => shortened(source, full ? Number.POSITIVE_INFINITY : longestMount)).join(",");
}

function quoted(command: string, full: boolean): string {
  return `"${full ? command : shortened(command, longestCommand)}"`;
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

const healths = ["starting", "healthy", "unhealthy", "none"];
/** Docker's first; nothing here is ever `removing` or `dead`, but scripts that tidy up ask for them. */
const statuses = ["created", "restarting", "running", "removing", "paused", "exited", "dead", "unknown", "damaged"];

const filtersOf = (paths: Paths): Filters<Container> => ({
  id: (text) => {
    return ({ record }) => record.id.startsWith(text);
  },
  name: (text) => {
    // As Docker: a regular expression that may match anywhere.
    const pattern = expression(text);
    return ({ record }) => pattern.test(record.name) || pattern.test(`/${record.name}`);
  },
  label: labelFilter(({ record }) => record.settings.labels),
  status: (text) => {
    if (!statuses.includes(text))
      throw new UsageError(`--filter: there is no status ${JSON.stringify(text)}`, `one of ${statuses.join(", ")}`);
    return ({ status }) => status === text || (text === "running" && status === "unknown");
  },
  exited: (text) => {
    if (!/^-?\d{1,3}$/.test(text))
      throw new UsageError(`--filter: exited is an exit code, not ${JSON.stringify(text)}`);
    return ({ state, status }) => status === "exited" && state.exitCode === Number(text);
  },
  health: (text) => {
    if (!healths.includes(text))
      throw new UsageError(`--filter: there is no health ${JSON.stringify(text)}`, `one of ${healths.join(", ")}`);
    // Without a monitor, the last recorded health may be wrong by now.
    const isChecked = ({ status }: Container) => status === "running" || status === "paused";
    return (container) => ((isChecked(container) && container.state.health?.status) || "none") === text;
  },
  ancestor: (text) => {
    const [name, tagged] = [text, `${text}:latest`];
    return ({ record: { image, imageId } }) =>
      image === name ||
      image === tagged ||
      `${image}:latest` === name ||
      (imageId?.replace("sha256:", "").startsWith(text.replace("sha256:", "")) ?? false);
  },
  before: (text) => {
    const { created } = findContainer(paths, text).record;
    return ({ record }) => record.created < created;
  },
  since: (text) => {
    const { created } = findContainer(paths, text).record;
    return ({ record }) => record.created > created;
  },
  volume: (text) => {
    return ({ record }) =>
      record.options.mounts.some(({ source, destination }) => source === text || destination === text);
  },
  network: (text) => {
    const byId = text === "" ? [] : listKnownNetworks(paths).filter(({ id }) => id.startsWith(text));
    const names = [text, ...byId.map(({ name }) => name)];
    return ({ record }) => networksOf(record.options.network).some((name) => names.includes(name));
  },
  publish: portFilter("publish", ({ hostPort }) => hostPort),
  expose: portFilter("expose", ({ port }) => port),
});

/** `80`, `53/udp` or `8000-8010`. */
function portFilter(key: string, portOf: (port: ShownPort) => number | undefined): Filters<Container>[string] {
  return (text) => {
    const wanted = parseExpose(text, `--filter: ${key}`);
    return (container) =>
      shownPorts(container).some((shown) =>
        wanted.some(({ port, protocol }) => port === portOf(shown) && protocol === shown.protocol),
      );
  };
}

function expression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new UsageError(`--filter: ${JSON.stringify(text)} is not a valid regular expression`);
  }
}
