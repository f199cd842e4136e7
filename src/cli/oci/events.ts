import { UsageError } from "../../errors.ts";
import { poll } from "../../linux/poll.ts";
import { readState, statusOf } from "../../runtime/oci/state.ts";
import { statsOf } from "../../runtime/oci/stats.ts";
import { printLine } from "../words/print.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "events", description: "Print what a container uses, as JSON, every now and then until it ends" },
  args: {
    stats: { type: "boolean", description: "Once" },
    interval: {
      type: "string",
      valueHint: "TIME",
      default: "5s",
      description: "The time between two lines: 500ms, 5s, 1m",
    },
    id: containerId,
  },
  run: ({ stats, interval, id }, { root }) => {
    const everyMs = milliseconds(interval);
    for (;;) {
      const state = readState(root, id);
      if (statusOf(root, state) === "stopped") {
        if (stats) throw new UsageError("container not running");
        return 0;
      }
      printLine(JSON.stringify({ type: "stats", id, data: statsOf(state) }));
      if (stats) return 0;
      poll([], everyMs);
    }
  },
});

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d{1,6})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (units[unit ?? ""] ?? 0);
  if (!(ms > 0)) throw new UsageError(`option --interval: ${JSON.stringify(text)} is not a time`, "--interval 5s");
  return ms;
}
