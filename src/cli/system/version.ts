/** `tinydocker version`: which tinydocker this is. */

import { describeClient, describeServer } from "../../engine/system/version.ts";
import { commit, version, versionLine } from "../../version.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printByFormat } from "../words/objects.ts";
import { printLine } from "../words/print.ts";

export default defineCommand({
  meta: { name: "version", group: "System", description: "Print the version" },
  args: { json: { type: "boolean", description: "Print JSON" }, ...inspectArgs },
  examples: ["tinydocker version", "tinydocker version --format '{{.Client.Version}}'"],
  run: ({ json, format }) => {
    if (format !== undefined) printByFormat("version", { Client: describeClient(), Server: describeServer() }, format);
    else if (json) printLine(JSON.stringify({ version, commit, bun: Bun.version, arch: process.arch }));
    else printLine(versionText());
    return 0;
  },
});

/** `tinydocker --version`, where `main.ts` has more to do before it. */
export const shortVersion = defineCommand({
  meta: { name: "version", hidden: true, description: "Print the version in one line" },
  args: {},
  examples: [],
  run: () => {
    printLine(versionLine());
    return 0;
  },
});

const programColumn = 20;

/** In Docker's layout. Client and server are one program here. */
function versionText(): string {
  const client = describeClient();
  const server = describeServer();
  const row = (indent: number, name: string, value: string) =>
    `${" ".repeat(indent)}${`${name}:`.padEnd(programColumn - indent)}${value}`;
  const rows = (indent: number, api: string) => [
    row(indent, "Version", client.Version),
    row(indent, "API version", api),
    row(indent, "Git commit", client.GitCommit),
    row(indent, "OS/Arch", `${client.Os}/${client.Arch}`),
  ];
  return [
    `Client: ${server.Platform.Name}`,
    ...rows(1, client.ApiVersion),
    row(1, "Context", client.Context),
    "",
    `Server: ${server.Platform.Name}`,
    " Engine:",
    ...rows(2, `${server.ApiVersion} (minimum version ${server.MinAPIVersion})`),
    row(2, "Kernel version", server.KernelVersion),
    row(2, "Experimental", String(server.Experimental)),
  ].join("\n");
}
