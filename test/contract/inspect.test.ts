/** What `inspect`, `info` and `version` print is what Docker's own command line can read: each field has its type. */

import { expect } from "bun:test";
import { join } from "node:path";
import { runProgram } from "../support/cli.ts";
import { withMachine } from "../support/containers.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("docker"));

/** Paths of the Engine API that Docker's command line asks, and our answers. */
type Answers = Record<string, string>;

/** Asks Docker's command line, with a server that knows our answers. */
async function askDocker(directory: string, answers: Answers, ...words: string[]): Promise<unknown> {
  const unix = join(directory, "docker.sock");
  const headers = { "Api-Version": "1.50", Ostype: "linux", "content-type": "application/json" };
  using _server = Bun.serve({
    unix,
    fetch: ({ url }) => {
      const path = new URL(url).pathname.replace(/^\/v[\d.]+/, "");
      return new Response(path === "/_ping" ? "OK" : (answers[path] ?? "{}"), { headers });
    },
  });
  const env = { PATH: process.env.PATH!, HOME: directory, DOCKER_HOST: `unix://${unix}` };
  return JSON.parse(ok(await runProgram(["docker", ...words], { env })));
}

/** What two have in common says the same; what only one has is a default, or ours. */
function expectSame(ours: unknown, theirs: unknown, path: string): void {
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    expect([path, theirs.length]).toEqual([path, ours.length]);
    for (const [index, item] of ours.entries()) expectSame(item, theirs[index], `${path}[${index}]`);
  } else if (isObject(ours) && isObject(theirs)) {
    for (const key of Object.keys(theirs))
      if (Object.hasOwn(ours, key)) expectSame(ours[key], theirs[key], `${path}.${key}`);
  } else expect([path, asTime(theirs)]).toEqual([path, asTime(ours)]);
}

/** Go leaves out zeros at the end of a time. */
const asTime = (value: unknown): unknown =>
  typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? Date.parse(value) : value;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

test("docker reads what we say of containers, images, networks, volumes and this host", async () => {
  await withMachine(["busybox"], async (machine) => {
    const options =
      `-p 8080:80 -v data:/data --tmpfs /t:size=1m --health-cmd true --expose 53/udp --add-host a:192.0.2.1
      --dns 192.0.2.1 --ulimit nofile=100:200 --sysctl net.core.somaxconn=64 --device /dev/null:/dev/mine:rw --label a=b
      --cap-add NET_ADMIN --restart on-failure:3 --group-add 7 --stop-timeout 5 --init --annotation a=b --log-opt tag=x
      --mount type=image,source=busybox,target=/i --shm-size 1m --oom-score-adj 5 --ipc shareable`.split(/\s+/);
    await detached(machine, "one", forever, options);
    const kinds: [kind: string, name: string, path: string][] = [
      ["container", "one", "/containers/one/json"],
      ["image", "busybox", "/images/busybox/json"],
      ["network", "bridge", "/networks/bridge"],
      ["volume", "data", "/volumes/data"],
    ];
    for (const [kind, name, path] of kinds) {
      const text = ok(await machine.run(["inspect", "--type", kind, "-f", "{{json .}}", name]));
      const theirs = await askDocker(machine.tmp, { [path]: text }, kind, "inspect", "-f", "{{json .}}", name);
      expectSame(JSON.parse(text), theirs, kind);
    }
    const info = ok(await machine.run(["info", "-f", "json"]));
    const { ClientInfo: _itself, ...ours } = JSON.parse(info);
    expectSame(ours, await askDocker(machine.tmp, { "/info": info }, "info", "-f", "json"), "info");
    const { Server } = JSON.parse(ok(await machine.run(["version", "-f", "json"])));
    const answer = { "/version": JSON.stringify(Server) };
    expectSame({ Server }, await askDocker(machine.tmp, answer, "version", "-f", "json"), "version");
    ok(await machine.run(["rm", "-f", "one"]));
    ok(await machine.run(["volume", "rm", "data"]));
  });
});
