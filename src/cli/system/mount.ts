/** `tinydocker mount`, `unmount`, `image mount`, `image unmount`: a root on the host, for the host's own programs. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import {
  type Mounted,
  mountContainer,
  mountedContainers,
  mountedImages,
  mountImage,
  unmountContainer,
  unmountImage,
} from "../../engine/files/mounted.ts";
import { listContainers } from "../../engine/record/container.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { UsageError } from "../../errors.ts";
import { listImages } from "../../image/store.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { type Arguments, defineCommand, type Values } from "../words/command.ts";
import { forEachName } from "../words/for-each.ts";
import { type Listing, listArgs, printList } from "../words/list.ts";
import { printLine } from "../words/print.ts";

interface Kind {
  mount(paths: Paths, name: string): string;
  unmount(paths: Paths, name: string): string;
  list(paths: Paths): Mounted[];
}

const kinds: Record<"container" | "image", Kind> = {
  container: { mount: mountContainer, unmount: unmountContainer, list: mountedContainers },
  image: { mount: mountImage, unmount: unmountImage, list: mountedImages },
};

const listing = (full: boolean): Listing<Mounted> => ({
  type: "mount",
  columns: {
    ID: ["ID", ({ id }) => (full ? id : id.replace("sha256:", "").slice(0, 12))],
    Names: ["NAMES", ({ names }) => names.join(",") || "<none>"],
    Path: ["PATH", ({ path }) => path],
  },
  table: ["ID", "Names", "Path"],
  quiet: "ID",
});

/** The two commands of a kind, which differ in what they name. */
export function mountCommands(kind: keyof typeof kinds) {
  const { mount, unmount, list } = kinds[kind];
  const prefix = kind === "image" ? "image " : "";
  const operands = (description: string): Arguments => ({
    [kind]: { type: "positional", multiple: true, description },
    all: { type: "boolean", alias: "a", description: `Every ${kind}` },
  });
  const names = (values: Values<Arguments>) => values[kind] as unknown as string[];
  return {
    mount: defineCommand({
      meta: {
        name: `${prefix}mount`,
        group: "Inspect",
        description: `Mount ${kind} roots on the host and print where`,
      },
      args: {
        ...operands("Names, ids, or unique id prefixes; without one, list what is mounted"),
        format: listArgs.format,
        "no-trunc": listArgs["no-trunc"],
      } as Arguments,
      examples: [`tinydocker ${prefix}mount ${kind === "image" ? "busybox" : "web"}`],
      run: (values, { root }) => {
        const paths = pathsFor(root);
        const chosen = values.all ? allOf(paths, kind) : names(values);
        if (chosen.length > 0 || values.all) return forEachName(chosen, (name) => printLine(mount(paths, name)));
        printList(listing(Boolean(values["no-trunc"])), list(paths), { format: values.format as string | undefined });
        return 0;
      },
    }),
    unmount: defineCommand({
      meta: { name: `${prefix}unmount`, group: "Inspect", description: `Unmount what \`${prefix}mount\` has mounted` },
      args: operands("Names, ids, or unique id prefixes"),
      examples: [`tinydocker ${prefix}unmount --all`],
      run: (values, { root }) => {
        const paths = pathsFor(root);
        if (!values.all && names(values).length === 0)
          throw new UsageError(`${prefix}unmount needs the name of a ${kind}`, "or --all");
        const chosen = values.all ? list(paths).map(({ id }) => id) : names(values);
        return forEachName(chosen, (name) => printLine(unmount(paths, name)));
      },
    }),
  };
}

function pathsFor(root: string): Paths {
  requireRoot("mounting");
  const paths = pathsOf(root);
  recoverIfAllowed(paths);
  return paths;
}

const allOf = (paths: Paths, kind: keyof typeof kinds): string[] =>
  kind === "image" ? listImages(paths).map(({ id }) => id) : listContainers(paths).map(({ record }) => record.id);
