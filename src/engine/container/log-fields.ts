/** What is said of a container beside each line of its log: its tag, and what was chosen of its labels and variables. */

import { planEnv } from "../../plan/spec.ts";
import type { LogOptions } from "../../runtime/log.ts";
import type { ContainerRecord } from "../record/container.ts";

/** Fields of a tag's template, as Docker's. */
const fields: Record<string, (record: ContainerRecord) => string> = {
  ID: ({ id }) => id.slice(0, 12),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageName: ({ image }) => image,
  ImageID: ({ imageId = "" }) => imageId.replace("sha256:", "").slice(0, 12),
  ImageFullID: ({ imageId = "" }) => imageId,
  DaemonName: () => "tinydocker",
};

const field = /\{\{\s*\.(\w+)\s*\}\}/g;

/** What a tag's template has that is no field. */
export const unknownInTag = (tag: string): string | undefined =>
  [...tag.matchAll(field)].map(([, name]) => name!).find((name) => !Object.hasOwn(fields, name)) ??
  /\{\{.*/.exec(tag.replaceAll(field, ""))?.[0];

const renderTag = (tag: string, record: ContainerRecord): string =>
  tag.replaceAll(field, (_, name: string) => fields[name]!(record));

/** By their names, as `logs --details` prints them. */
export function attributesOf(record: ContainerRecord): Record<string, string> {
  const { tag, labels = [], env = [] } = record.settings.log.fields ?? {};
  const variables = new Map(
    planEnv(record.options, record.defaults).map((entry) => {
      const equals = entry.indexOf("=");
      return [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
  // Not what every object has by nature: "constructor" is no label.
  const all = new Map(Object.entries({ ...record.defaults.Labels, ...record.settings.labels }));
  const chosen = [
    ...labels.map((key) => [key, all.get(key)]),
    ...env.map((name) => [name, variables.get(name)]),
    ...(tag === undefined ? [] : [["tag", renderTag(tag, record)]]),
  ];
  return Object.fromEntries(chosen.filter(([, value]) => value !== undefined));
}

/** The log of a container as its monitor keeps it. */
export function logOptionsOf(record: ContainerRecord): LogOptions {
  const { fields: asked = {}, ...log } = record.settings.log;
  const attrs = attributesOf(record);
  if (log.driver !== "journald" && log.driver !== "syslog")
    return { ...log, ...(Object.keys(attrs).length > 0 && { attrs }) };
  const { tag = fields.ID!(record), ...others } = attrs;
  const { id, name, image } = record;
  const { facility = "daemon" } = asked;
  return { ...log, forward: { tag, id, name, image, facility, fields: others } };
}
