/** `--filter` of `ps`, and of the commands that do something with all that it shows. */

import { listKnownNetworks } from "../../engine/network/known.ts";
import { type ShownPort, shownPorts } from "../../engine/network/ports.ts";
import { type Container, findContainer } from "../../engine/record/container.ts";
import { UsageError } from "../../errors.ts";
import type { Paths } from "../../paths.ts";
import { networksOf } from "../../plan/network/options.ts";
import { parseExpose } from "../../plan/network/publish.ts";
import { type Filters, labelFilters } from "../words/filter.ts";
import { parseTime } from "../words/time.ts";

const healths = ["starting", "healthy", "unhealthy", "none"];
/** Docker's first; nothing here is ever `removing` or `dead`, but scripts that tidy up ask for them. */
const statuses = ["created", "restarting", "running", "removing", "paused", "exited", "dead", "unknown", "damaged"];

export const filtersOf = (paths: Paths): Filters<Container> => ({
  id: (text) => {
    return ({ record }) => record.id.startsWith(text);
  },
  name: (text) => {
    // As Docker: a regular expression that may match anywhere.
    const pattern = expression(text);
    return ({ record }) => pattern.test(record.name) || pattern.test(`/${record.name}`);
  },
  ...labelFilters(({ record }) => record.settings.labels),
  until: (text) => {
    const ms = parseTime("--filter until", text, Date.now());
    return ({ record }) => Date.parse(record.created) < ms;
  },
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
