/** `tinydocker create`: a container that is not started yet. */

import {
  chooseName,
  createContainer,
  inUserNamespace,
  keepVolumes,
  newRecord,
  releaseIds,
  writeCidfile,
} from "../../engine/container/create.ts";
import { prepareRoot, recover } from "../../engine/container/recover.ts";
import { lockStore, prepareImage } from "../../engine/container/run-image.ts";
import { makingContainers, requireRoot } from "../../engine/record/root.ts";
import { randomHex } from "../../linux/clone.ts";
import { unlink } from "../../linux/names.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { printDone, printLine, warn } from "../words/print.ts";
import { createRequest } from "./create-request.ts";
import { replace, reporterFor } from "./run.ts";
import { createArgs } from "./run-args.ts";

export default defineCommand({
  meta: { name: "create", group: "Run", description: "Create a container without starting it" },
  args: createArgs,
  optionsFirst: true,
  takesSignals: true,
  examples: ["tinydocker create --name web busybox httpd -f"],
  run: async (args, { root }) => {
    requireRoot(makingContainers);
    const request = createRequest(args, args.tty ?? false);
    const paths = pathsOf(root);
    prepareRoot(paths);
    recover(paths);
    if (args.replace) await replace(paths, request.name);
    const store = lockStore(paths);
    const image = await prepareImage(paths, request, store, reporterFor(args));
    const named = newRecord(paths, randomHex(32), request, image, request.name ?? chooseName(paths));
    const record = inUserNamespace(paths, named, request, { take: true });
    if (request.cidfile !== undefined) writeCidfile(request.cidfile, record.id);
    try {
      keepVolumes(paths, createContainer(paths, record, request, store, warn));
    } catch (error) {
      if (request.cidfile !== undefined) unlink(request.cidfile);
      releaseIds(paths, record);
      throw error;
    }
    printDone(`container ${record.id.slice(0, 12)} is created`, () => printLine(record.id));
    return 0;
  },
});
