/** `tinydocker images`: what is in the store. */

import { NotFoundError } from "../../errors.ts";
import { isDigestName, parseReference, repositoryOf, tagsOf } from "../../image/reference.ts";
import { findImage, type Image, listImages } from "../../image/store.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { booleanFilter, type Filters, globPattern, labelFilter, parseFilters } from "../words/filter.ts";
import { type Listing, listArgs, printList } from "../words/list.ts";
import { humanAge, humanSize, localTime } from "../words/print.ts";

/** An image under one of its names; without a name, under none. */
export interface Row {
  image: Image;
  /** In canonical form; a digest only where no tag of that repository names the image. */
  reference?: string;
  /** What it was pulled from that repository as. */
  digest?: string;
}

export default defineCommand({
  meta: { name: "images", group: "Images", description: "List images" },
  args: {
    reference: { type: "positional", description: "List only images with this name; may contain * and ?" },
    all: { type: "boolean", alias: "a", description: "Include intermediate images (there never are any)" },
    digests: { type: "boolean", description: "Show digests" },
    tree: { type: "boolean", description: "Show images as a tree, each below its parent" },
    ...listArgs,
  },
  examples: [
    "tinydocker images",
    "tinydocker images --filter dangling=true -q",
    "tinydocker images --tree",
    `tinydocker images --format 'table {{.Repository}}\\t{{.Size}}'`,
  ],
  run: async ({ reference, digests = false, tree, filter, "no-trunc": full = false, ...how }, { root }) => {
    const paths = pathsOf(root);
    const words = reference === undefined ? filter : [...filter, `reference=${reference}`];
    const keep = parseFilters(words, filtersOf(paths));
    if (tree) {
      const { printTree, refuseWithTree } = await import("./tree.ts");
      refuseWithTree({ ...how, digests, full });
      printTree(
        paths,
        listImages(paths).filter((image) => rowsOf(image).some(keep)),
      );
      return 0;
    }
    printList(
      imageListing({ full, digests }),
      listImages(paths)
        .flatMap((image) => rowsOf(image, digests))
        .filter(keep),
      how,
    );
    return 0;
  },
});

/** @param each a row for each digest that it was pulled as, not only for the first. */
export function rowsOf(image: Image, each = false): Row[] {
  const repositories = Map.groupBy(image.references, repositoryOf);
  const rows = [...repositories.values()].flatMap((references) => {
    const tags = references.filter((reference) => !isDigestName(reference));
    const digests = references.filter(isDigestName).map((reference) => reference.slice(reference.indexOf("@") + 1));
    const shown = each || digests.length === 0 ? digests : [digests[0]!];
    const named = tags.length > 0 ? tags : [references[0]!];
    if (shown.length === 0) return named.map((reference) => ({ image, reference }));
    return named.flatMap((reference) => shown.map((digest) => ({ image, reference, digest })));
  });
  return rows.length > 0 ? rows : [{ image }];
}

const none = "<none>";

export const imageListing = ({ full, digests }: { full: boolean; digests: boolean }): Listing<Row> => ({
  type: "image",
  columns: {
    Repository: ["REPOSITORY", ({ reference }) => (reference ? parseReference(reference).name : none)],
    Tag: ["TAG", ({ reference }) => (reference && parseReference(reference).tag) || none],
    Digest: ["DIGEST", ({ digest }) => digest ?? none],
    ID: ["IMAGE ID", ({ image }) => (full ? image.id : image.id.slice("sha256:".length, "sha256:".length + 12))],
    CreatedSince: ["CREATED", ({ image }) => (hasDate(image) ? humanAge(image.created) : "N/A")],
    CreatedAt: ["CREATED AT", ({ image }) => (hasDate(image) ? localTime(image.created) : "N/A")],
    Size: ["SIZE", sizeText],
    VirtualSize: ["SIZE", sizeText],
    // As Docker, which works these out for `system df -v` only.
    SharedSize: ["SHARED SIZE", () => "N/A"],
    UniqueSize: ["UNIQUE SIZE", () => "N/A"],
    Containers: ["CONTAINERS", () => "N/A"],
  },
  table: ["Repository", "Tag", ...(digests ? ["Digest"] : []), "ID", "CreatedSince", "Size"],
  quiet: "ID",
});

const sizeText = ({ image: { damage, sizeBytes } }: Row): string =>
  damage === undefined ? humanSize(sizeBytes) : "damaged";

/** An image that does not say when it was made counts as made in 1970. */
const hasDate = ({ created }: Image): boolean => Date.parse(created) > 0;

const filtersOf = (paths: Paths): Filters<Row> => ({
  reference: (text) => {
    const pattern = globPattern(text);
    return ({ reference, digest }) => {
      if (reference === undefined) return false;
      const repository = repositoryOf(reference);
      return [reference, repository, `${repository}@${digest}`].some((name) => pattern.test(name));
    };
  },
  dangling: booleanFilter("dangling", ({ image }) => tagsOf(image).length === 0),
  label: labelFilter(({ image }) => image.config.config.Labels),
  before: (text) => {
    const { created } = wanted(paths, text);
    return ({ image }) => Date.parse(image.created) < Date.parse(created);
  },
  since: (text) => {
    const { created } = wanted(paths, text);
    return ({ image }) => Date.parse(image.created) > Date.parse(created);
  },
});

function wanted(paths: Paths, name: string): Image {
  const image = findImage(paths, name);
  if (!image) throw new NotFoundError(`--filter: no such image: ${name}`);
  return image;
}
