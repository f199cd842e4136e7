/** `tinydocker healthcheck run`: a container's health check, now. */

import { planCheck } from "../../engine/container/check.ts";
import { tellExec } from "../../engine/container/exec-events.ts";
import { checkNow } from "../../engine/container/health.ts";
import { planHealthOf } from "../../engine/container/plan.ts";
import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { readSpec } from "../../engine/record/bundle.ts";
import { findContainer, isUp } from "../../engine/record/container.ts";
import { requireRoot } from "../../engine/record/root.ts";
import { ConflictError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "healthcheck run", group: "Run", description: "Run the health check of a container now" },
  args: {
    container: { type: "positional", required: true, description: "Name, or id or the beginning of one" },
  },
  examples: ["tinydocker healthcheck run db"],
  run: ({ container }, { root }) => {
    requireRoot("health checks");
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const found = findContainer(paths, container);
    const { record, state, status } = found;
    const health = planHealthOf(record.settings, record.defaults);
    if (!health) throw new ConflictError(`container ${record.name} has no health check`);
    if (status === "paused")
      throw new ConflictError(`container ${record.name} is paused`, `tinydocker unpause ${record.name}`);
    if (!isUp(found)) throw new ConflictError(`container ${record.name} is not running`);
    const exec = planCheck(paths, record, readSpec(paths, record), health);
    const { exitCode, output } = checkNow(state, { ...health, exec }, () => tellExec(paths, record, health.command));
    if (output !== "") printLine(output.replace(/\n$/, ""));
    printLine(exitCode === 0 ? "healthy" : "unhealthy");
    return exitCode === 0 ? 0 : 1;
  },
});
