import { UsageError } from "../../errors.ts";
import { allContainers } from "../../runtime/oci/all-containers.ts";
import { currentReport } from "../../runtime/oci/report.ts";
import { printLine } from "../words/print.ts";
import { defineRuntimeCommand } from "./command.ts";

export default defineRuntimeCommand({
  meta: { name: "list", description: "List the containers of this root" },
  args: {
    format: { type: "string", alias: "f", valueHint: "table|json", default: "table", description: "How to print them" },
    quiet: { type: "boolean", alias: "q", description: "Only their ids" },
  },
  run: ({ format, quiet }, { root }) => {
    if (format !== "table" && format !== "json")
      throw new UsageError(`option --format is table or json, not ${JSON.stringify(format)}`);
    const reports = allContainers(root).map((state) => currentReport(root, state));
    if (quiet) for (const { id } of reports) printLine(id);
    else if (format === "json") printLine(JSON.stringify(reports));
    else
      printTable([
        ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
        ...reports.map(({ id, pid, status, bundle, created, owner }) => [
          id,
          String(pid),
          status,
          bundle,
          created,
          owner,
        ]),
      ]);
    return 0;
  },
});

/** At least twelve characters to a column, and three between them, as runc has it. */
function printTable(rows: string[][]): void {
  const widths = rows[0]!.map((_, column) => Math.max(12, ...rows.map((row) => row[column]!.length + 3)));
  for (const row of rows)
    printLine(row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!))).join(""));
}
