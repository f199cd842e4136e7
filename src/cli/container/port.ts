/** `tinydocker port`: where the ports of a container are published. */

import { recoverIfAllowed } from "../../engine/container/recover.ts";
import { portKey, type ShownPort, shownPorts } from "../../engine/network/ports.ts";
import { findContainer } from "../../engine/record/container.ts";
import { NotFoundError, UsageError } from "../../errors.ts";
import { pathsOf } from "../../paths.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";
import { hostPortText, inOrder } from "./ports.ts";

export default defineCommand({
  meta: { name: "port", group: "Inspect", description: "List the published ports of a container" },
  args: {
    container: { type: "positional", required: true, description: "Container name, id, or unique id prefix" },
    port: { type: "positional", description: "Port of the container: 80 or 53/udp" },
  },
  examples: ["tinydocker port web", "tinydocker port web 80"],
  run: ({ container: reference, port }, { root }) => {
    const wanted = port === undefined ? undefined : parsePort(port);
    const paths = pathsOf(root);
    recoverIfAllowed(paths);
    const published = shownPorts(findContainer(paths, reference)).filter(isPublished);
    const found = published.filter((shown) => wanted === undefined || portKey(shown) === wanted);
    if (wanted !== undefined && found.length === 0)
      throw new NotFoundError(`no public port ${JSON.stringify(port)} published for ${reference}`);
    for (const shown of found.sort(inOrder)) {
      const where = hostPortText(shown.hostIp, shown.hostPort);
      printLine(wanted === undefined ? `${portKey(shown)} -> ${where}` : where);
    }
    return 0;
  },
});

const isPublished = (shown: ShownPort): shown is Required<ShownPort> => shown.hostIp !== undefined;

function parsePort(text: string): string {
  const [number = "", protocol = "tcp"] = text.split("/");
  if (!/^\d{1,5}$/.test(number) || Number(number) > 65535 || text.split("/").length > 2)
    throw new UsageError(`invalid port: ${JSON.stringify(text)}`, "as in 80 or 53/udp");
  return `${Number(number)}/${protocol.toLowerCase()}`;
}
