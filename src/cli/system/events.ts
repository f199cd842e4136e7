/** `tinydocker events`: what happens to containers, images, networks and volumes, as it happens. */

import { followEvents } from "../../engine/record/event-log.ts";
import type { RecordedEvent } from "../../engine/record/events.ts";
import { isatty } from "../../linux/tty.ts";
import { asJson } from "../../nil.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { type Filters, labelFilter, parseFilters } from "../words/filter.ts";
import { harmless, plain, printLine } from "../words/print.ts";
import { compile } from "../words/template.ts";
import { parseTime, rfc3339 } from "../words/time.ts";

export default defineCommand({
  meta: {
    name: "events",
    group: "Inspect",
    description: "Show events of containers, images, networks and volumes",
  },
  args: {
    since: {
      type: "string",
      valueHint: "time",
      description: "Show events since a time: 10m, a date, or seconds since 1970",
    },
    until: { type: "string", valueHint: "time", description: "Stop at this time" },
    filter: {
      type: "string",
      alias: "f",
      multiple: true,
      empty: "none",
      valueHint: "key=value",
      description: `Show only matching events: type, event, container, image, network, volume, label`,
    },
    format: {
      type: "string",
      valueHint: "template",
      description: "Output format: json (one object per line) or a Go template",
    },
  },
  examples: ["tinydocker events --since 1h --filter type=container", "tinydocker events --since 10m --until 0s"],
  run: ({ since, until, filter, format = "" }, { root }) => {
    const now = Date.now();
    const span = {
      ...(since !== undefined && { sinceMs: parseTime("--since", since, now) }),
      ...(until !== undefined && { untilMs: parseTime("--until", until, now) }),
    };
    const keep = parseFilters(filter, filters);
    const render = rendererOf(format);
    followEvents(pathsOf(root), span, (event) => {
      if (keep(event)) printLine(render(event));
    });
    return 0;
  },
});

const filters: Filters<RecordedEvent> = {
  type: (text) => (event) => event.type === text,
  event: (text) => (event) => event.action === text || event.action.startsWith(`${text}:`),
  container: (text) => (event) => event.type === "container" && isCalled(event, text),
  image: (text) => {
    return (event) => {
      const name = event.type === "image" ? event.attributes.name : event.attributes.image;
      const untagged = name?.replace(/:[^/:]*$/, "");
      return [name, untagged].includes(text) || (event.type === "image" && isCalled(event, text));
    };
  },
  network: (text) => (event) => event.type === "network" && isCalled(event, text),
  volume: (text) => (event) => event.type === "volume" && isCalled(event, text),
  label: labelFilter((event) => event.attributes),
};

const isCalled = ({ id, attributes }: RecordedEvent, text: string): boolean =>
  attributes.name === text || (text !== "" && (id.startsWith(text) || id.startsWith(`sha256:${text}`)));

function rendererOf(format: string): (event: RecordedEvent) => string {
  if (format === "") return lineOf;
  const render = compile(format === "json" ? "{{json .}}" : format);
  const show = isatty(1) ? { show: harmless } : {};
  return (event) => render(fieldsOf(event), { type: "event", ...show });
}

/** `2026-01-02T15:04:05.000000000Z image tag sha256:... (name=busybox:latest)` */
function lineOf({ timeMs, nanoseconds, type, action, id, attributes }: RecordedEvent): string {
  const pairs = Object.keys(attributes)
    .sort()
    .map((name) => `${name}=${attributes[name]}`);
  return plain(
    `${rfc3339(timeMs, nanoseconds)} ${type} ${action} ${id}${pairs.length > 0 ? ` (${pairs.join(", ")})` : ""}`,
  );
}

/** The names templates use, and the other ones of Docker's JSON. */
function fieldsOf({ timeMs, nanoseconds = 0, type, action, id, attributes }: RecordedEvent) {
  const from = attributes.image ?? (type === "image" ? (attributes.name ?? "") : "");
  const time = Math.floor(timeMs / 1000);
  const timeNano = BigInt(timeMs) * 1_000_000n + BigInt(nanoseconds);
  const actor = { ID: id, Attributes: new Map(Object.entries(attributes)) };
  return {
    Type: type,
    Action: action,
    Actor: actor,
    ID: id,
    Status: action,
    From: from,
    Scope: "local",
    Time: time,
    TimeNano: timeNano,
    [asJson]: {
      status: action,
      id,
      ...(from !== "" && { from }),
      Type: type,
      Action: action,
      Actor: actor,
      scope: "local",
      time,
      timeNano,
    },
  };
}
