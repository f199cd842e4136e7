/** `tinydocker system df`: what takes how much of the disk, and what of it nobody needs. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { readUsage, type Usage } from "../../engine/system/disk.ts";
import { parseReference } from "../../image/reference.ts";
import { pathsOf } from "../../paths.ts";
import { commandOf, statusText } from "../container/ps.ts";
import { defineCommand } from "../words/command.ts";
import { type Listing, printList } from "../words/list.ts";
import { humanAge, humanSize, printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "system df", description: "Show disk usage" },
  args: {
    verbose: { type: "boolean", alias: "v", description: "List each image, container and volume" },
    format: {
      type: "string",
      valueHint: "template",
      description: "Output format: table, 'table TEMPLATE', json, or a Go template",
    },
  },
  examples: ["tinydocker system df", "tinydocker system df -v"],
  run: ({ verbose, format }, { root }) => {
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const usage = readUsage(paths);
    if (!verbose) printList(summary, summarize(usage), { format });
    else printAll(usage);
    return 0;
  },
});

interface Kind {
  type: string;
  total: number;
  active: number;
  bytes: number;
  reclaimable: number;
}

const summary: Listing<Kind> = {
  type: "disk usage",
  columns: {
    Type: ["TYPE", ({ type }) => type],
    TotalCount: ["TOTAL", ({ total }) => String(total)],
    Active: ["ACTIVE", ({ active }) => String(active)],
    Size: ["SIZE", ({ bytes }) => humanSize(bytes)],
    Reclaimable: ["RECLAIMABLE", reclaimableOf],
  },
  table: ["Type", "TotalCount", "Active", "Size", "Reclaimable"],
  quiet: "Type",
};

function reclaimableOf({ bytes, reclaimable }: Kind): string {
  if (bytes === 0) return humanSize(reclaimable);
  return `${humanSize(reclaimable)} (${Math.floor((reclaimable * 100) / bytes)}%)`;
}

const sum = (items: { bytes?: number }[]): number => items.reduce((total, { bytes = 0 }) => total + bytes, 0);

/** Docker's rows but for its build cache: nothing is built here. */
const summarize = ({ images, layers, containers, volumes }: Usage): Kind[] => [
  {
    type: "Images",
    total: images.length,
    active: images.filter(({ users }) => users > 0).length,
    bytes: layers.bytes,
    reclaimable: layers.unusedBytes,
  },
  {
    type: "Containers",
    total: containers.length,
    active: containers.filter(({ active }) => active).length,
    bytes: sum(containers),
    reclaimable: sum(containers.filter(({ active }) => !active)),
  },
  {
    type: "Local Volumes",
    total: volumes.length,
    active: volumes.filter(({ users }) => users > 0).length,
    bytes: sum(volumes),
    reclaimable: sum(volumes.filter(({ users }) => users === 0)),
  },
];

function printAll({ images, containers, volumes }: Usage): void {
  printLine("Images space usage:\n");
  printList(
    imageRows,
    images.flatMap((one) => (one.image.references[0] ? one.image.references : [""]).map((name) => ({ ...one, name }))),
    {},
  );
  printLine("\nContainers space usage:\n");
  printList(containerRows, containers, {});
  printLine("\nLocal Volumes space usage:\n");
  printList(volumeRows, volumes, {});
}

const shortId = (id: string): string => id.replace(/^sha256:/, "").slice(0, 12);

const imageRows: Listing<Usage["images"][number] & { name: string }> = {
  type: "image",
  columns: {
    Repository: ["REPOSITORY", ({ name }) => (name ? parseReference(name).name : "<none>")],
    Tag: ["TAG", ({ name }) => (name && parseReference(name).tag) || "<none>"],
    ID: ["IMAGE ID", ({ image }) => shortId(image.id)],
    CreatedSince: ["CREATED", ({ image }) => (Date.parse(image.created) > 0 ? humanAge(image.created) : "N/A")],
    Size: ["SIZE", ({ image }) => (image.damage === undefined ? humanSize(image.sizeBytes) : "damaged")],
    SharedSize: ["SHARED SIZE", ({ sharedBytes }) => humanSize(sharedBytes)],
    UniqueSize: ["UNIQUE SIZE", ({ uniqueBytes }) => humanSize(uniqueBytes)],
    Containers: ["CONTAINERS", ({ users }) => String(users)],
  },
  table: ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"],
  quiet: "ID",
};

const containerRows: Listing<Usage["containers"][number]> = {
  type: "container",
  columns: {
    ID: ["CONTAINER ID", ({ container }) => shortId(container.record.id)],
    Image: ["IMAGE", ({ container }) => container.record.image],
    Command: ["COMMAND", ({ container }) => JSON.stringify(commandOf(container).slice(0, 20))],
    LocalVolumes: ["LOCAL VOLUMES", ({ volumes }) => String(volumes)],
    Size: ["SIZE", ({ bytes }) => humanSize(bytes)],
    CreatedSince: ["CREATED", ({ container }) => humanAge(container.record.created)],
    Status: ["STATUS", ({ container }) => statusText(container)],
    Names: ["NAMES", ({ container }) => container.record.name],
  },
  table: ["ID", "Image", "Command", "LocalVolumes", "Size", "CreatedSince", "Status", "Names"],
  quiet: "ID",
};

const volumeRows: Listing<Usage["volumes"][number]> = {
  type: "volume",
  columns: {
    Name: ["VOLUME NAME", ({ volume }) => volume.name],
    Links: ["LINKS", ({ users }) => String(users)],
    Size: ["SIZE", ({ bytes }) => (bytes === undefined ? "N/A" : humanSize(bytes))],
  },
  table: ["Name", "Links", "Size"],
  quiet: "Name",
};
