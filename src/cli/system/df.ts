/** `tinydocker system df`: what takes how much of the disk, and what of it nobody needs. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { mountPointOf } from "../../engine/record/volume.ts";
import { readUsage, type Usage } from "../../engine/system/disk.ts";
import { pathsOf } from "../../paths.ts";
import { containerListing } from "../container/ps.ts";
import { imageListing, type Row, rowsOf } from "../image/ls.ts";
import { volumeListing } from "../volume/ls.ts";
import { defineCommand } from "../words/command.ts";
import { columnsFor, fieldsOf, type Listing, printList } from "../words/list.ts";
import { printByFormat } from "../words/objects.ts";
import { humanSize, printLine } from "../words/print.ts";

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
    else printAll(usage, (volume) => mountPointOf(paths, volume), format);
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

function printAll({ images, containers, volumes }: Usage, mountPoint: MountPoint, format = ""): void {
  const rows = images.flatMap(({ image, ...usage }) => rowsOf(image).map((row) => ({ ...usage, row })));
  if (format !== "" && format !== "table") {
    const all = {
      Images: rows.map((row) => fieldsOf(imageRows(true), row)),
      Containers: containers.map((row) => fieldsOf(containerRows(true), row)),
      Volumes: volumes.map((row) => fieldsOf(volumeRows(mountPoint), row)),
      // As Docker has it; nothing is built here.
      BuildCache: [],
    };
    printByFormat("disk usage", all, format);
    return;
  }
  printLine("Images space usage:\n");
  printList(imageRows(false), rows, {});
  printLine("\nContainers space usage:\n");
  printList(containerRows(false), containers, {});
  printLine("\nLocal Volumes space usage:\n");
  printList(volumeRows(mountPoint), volumes, {});
}

type ImageRow = Omit<Usage["images"][number], "image"> & { row: Row };

const imageRows = (full: boolean): Listing<ImageRow> => ({
  type: "image",
  columns: {
    ...columnsFor(imageListing({ full, digests: false }).columns, ({ row }: ImageRow) => row),
    SharedSize: ["SHARED SIZE", ({ sharedBytes }) => humanSize(sharedBytes)],
    UniqueSize: ["UNIQUE SIZE", ({ uniqueBytes }) => humanSize(uniqueBytes)],
    Containers: ["CONTAINERS", ({ users }) => String(users)],
  },
  table: ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"],
  quiet: "ID",
});

type ContainerRow = Usage["containers"][number];

const containerRows = (full: boolean): Listing<ContainerRow> => ({
  type: "container",
  columns: {
    ...columnsFor(containerListing(full, () => "", false).columns, ({ container }: ContainerRow) => container),
    Size: ["SIZE", ({ bytes }) => humanSize(bytes)],
  },
  table: ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"],
  quiet: "ID",
});

type VolumeRow = Usage["volumes"][number];
type MountPoint = (volume: VolumeRow["volume"]) => string;

const volumeRows = (mountPoint: MountPoint): Listing<VolumeRow> => ({
  type: "volume",
  columns: {
    ...columnsFor(volumeListing(mountPoint).columns, ({ volume }: VolumeRow) => volume),
    Links: ["LINKS", ({ users }) => String(users)],
    Size: ["SIZE", ({ bytes }) => (bytes === undefined ? "N/A" : humanSize(bytes))],
  },
  table: ["Name", "Links", "Size"],
  quiet: "Name",
});
