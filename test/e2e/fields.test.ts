/** What `inspect` and the lists show has all of Docker's fields, by the names of JSON and of Go. */

import { describe, expect } from "bun:test";
import { rmdirSync } from "node:fs";
import { type Machine, withMachine } from "../support/containers.ts";
import * as fields from "../support/docker-fields.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

/** Names of fields that are to be there, and are not. */
const missing = (object: object, names: string): string[] =>
  names.split(/\s+/).filter((name) => !name.endsWith("?") && !Object.hasOwn(object, name));

/** Names of fields that Docker does not have, but for ours. */
const unknown = (object: object, names: string, ...ours: string[]): string[] => {
  const known = [...names.split(/\s+/).map((name) => name.replace("?", "")), ...ours];
  return Object.keys(object).filter((name) => !known.includes(name));
};

function expectFields(object: object, names: string, ...ours: string[]): void {
  expect({ missing: missing(object, names), unknown: unknown(object, names, ...ours) }).toEqual({
    missing: [],
    unknown: [],
  });
}

const inspect = async (machine: Machine, ...words: string[]) =>
  JSON.parse(ok(await machine.run(["inspect", ...words])))[0];
const ask = async (machine: Machine, name: string, format: string) =>
  ok(await machine.run(["inspect", "-f", format, name]));

describe("inspect", () => {
  test("of a container, an image, a network and a volume has Docker's fields, and no others but ours", async () => {
    await withMachine(["busybox"], async (machine) => {
      ok(await machine.run(["create", "--name", "one", "--network", "none", "-v", "data:/data", "busybox"]));
      const one = await inspect(machine, "one");
      expectFields(one, fields.containerFields);
      expectFields(one.State, fields.stateFields, "Monitored");
      expectFields(one.HostConfig, fields.hostConfigFields);
      expectFields(one.Config, fields.configFields);
      expectFields(one.NetworkSettings, fields.networkSettingsFields);
      expectFields(one.NetworkSettings.Networks.none, fields.endpointFields);
      expectFields(one.GraphDriver.Data, "ID LowerDir MergedDir UpperDir WorkDir");
      expectFields(await inspect(machine, "--size", "one"), `${fields.containerFields} SizeRw SizeRootFs`);
      expectFields(await inspect(machine, "--type", "image", "busybox"), fields.imageFields, "History");
      expectFields(await inspect(machine, "--type", "network", "bridge"), fields.networkFields, "Bridge");
      expectFields(await inspect(machine, "--type", "volume", "data"), fields.volumeFields);
      ok(await machine.run(["rm", "one"]));
      ok(await machine.run(["volume", "rm", "data"]));
    });
  });

  test("of a container tells its mounts by the option that asked for each, and where each is", async () => {
    await withMachine(["busybox"], async (machine) => {
      const directory = machine.file("a-directory/");
      const mounts = [
        ...["-v", "one:/v1:nocopy", "-v", `${directory}:/b1:ro`, "--tmpfs", "/t1:size=1m"],
        ...["--mount", "type=volume,src=two,dst=/v2", "--mount", `type=bind,src=${directory},dst=/b2,ro`],
        ...["--mount", "type=tmpfs,dst=/t2,tmpfs-size=2m,tmpfs-mode=700", "--mount", "type=image,src=busybox,dst=/i2"],
      ];
      ok(await machine.run(["create", "--name", "box", ...mounts, "busybox", "cat", "/proc/self/mountinfo"]));
      expect(ok(await machine.run(["start", "-a", "box"]))).not.toContain("x-tinydocker");
      const { HostConfig, Mounts } = await inspect(machine, "box");
      const image = ok(await machine.run(["images", "-q", "--no-trunc", "busybox"]));
      expect(HostConfig.Binds.sort()).toEqual([`${directory}:/b1:ro`, "one:/v1:nocopy"]);
      expect(HostConfig.Tmpfs).toEqual({ "/t1": "noexec,nosuid,nodev,size=1m" });
      const byTarget = <Mount extends { Target?: string; Destination?: string }>(mounts: Mount[]) =>
        Object.fromEntries(mounts.map((mount) => [mount.Target ?? mount.Destination, mount]));
      expect(byTarget(HostConfig.Mounts)).toEqual({
        "/v2": { Type: "volume", Source: "two", Target: "/v2" },
        "/b2": { Type: "bind", Source: directory, Target: "/b2", ReadOnly: true },
        "/t2": { Type: "tmpfs", Target: "/t2", TmpfsOptions: { SizeBytes: 2097152, Mode: 0o700 } },
        "/i2": { Type: "image", Source: image, Target: "/i2" },
      });
      const places = byTarget(Mounts);
      expect(Object.keys(places).sort()).toEqual(["/b1", "/b2", "/i2", "/t2", "/v1", "/v2"]);
      const tmpfs = { Type: "tmpfs", Source: "", Destination: "/t2", Mode: "", RW: true, Propagation: "" };
      expect(places["/t2"]).toEqual(tmpfs);
      ok(await machine.run(["rm", "box"]));
      ok(await machine.run(["volume", "rm", "one", "two"]));
      rmdirSync(directory);
    });
  });

  test("takes Go's names too, and lists that are null are empty ones", async () => {
    await withMachine(["busybox"], async (machine) => {
      const id = await detached(machine, "one", forever, ["--network", "none"]);
      const image = await ask(machine, "busybox", "{{.ID}}");
      expect(image).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(await ask(machine, "one", "{{.ID}} {{.Id}} {{.ContainerJSONBase.ID}}")).toBe(`${id} ${id} ${id}`);
      expect(await ask(machine, "bridge", "{{len .ID}} {{.EnableIPv4}} {{len .IPAM.Options}}")).toBe("64 true 0");
      const lists = "{{len .ExecIDs}}{{len .HostConfig.Binds}}{{len .HostConfig.CapAdd}}{{len .HostConfig.Tmpfs}}";
      expect(await ask(machine, "one", lists)).toBe("0000");
      expect(await ask(machine, "one", "{{range .HostConfig.Binds}}x{{else}}none{{end}} {{.HostConfig.Binds}}")).toBe(
        "none []",
      );
      expect(await ask(machine, "one", "{{json .HostConfig.Binds}} {{json .HostConfig.Sysctls}}")).toBe("null null");
      // What only a swarm has, and drivers other than ours.
      const swarm = "{{len .Peers}} {{.Peers}} {{json .Peers}} {{len .Services}} {{.Services}} {{json .Services}}";
      expect(await ask(machine, "bridge", swarm)).toBe("0 [] null 0 map[] null");
      expect(await ask(machine, "bridge", "{{range .Peers}}{{.Name}}{{else}}none{{end}}")).toBe("none");
      expect(await ask(machine, "bridge", '{{with index .Services "web"}}{{.VIP}}{{end}}')).toBe("");
      ok(await machine.run(["volume", "create", "data"]));
      expect(await ask(machine, "data", "{{len .Status}} {{.Status}} {{json .Status}} {{.Scope}}")).toBe(
        "0 map[] null local",
      );
      ok(await machine.run(["volume", "rm", "data"]));
      const limits = "{{.HostConfig.CPUShares}} {{.HostConfig.Resources.CPUQuota}} {{.HostConfig.CpuPeriod}}";
      expect(await ask(machine, "one", limits)).toBe("0 0 0");
      expect(await ask(machine, "one", "{{.NetworkSettings.IPAddress}}|{{gt .State.Pid 1}}")).toBe("|true");
      const merged = await ask(machine, "one", "{{.GraphDriver.Data.MergedDir}}");
      expect(ok(await machine.exec(["ls", `${merged}/bin/busybox`]))).toBe(`${merged}/bin/busybox`);
      ok(await machine.run(["exec", "-d", "one", "sh", "-c", "sleep 5 & (sleep 5 &); wait"]));
      expect(await ask(machine, "one", '{{len .ExecIDs}} {{join .ExecIDs " "}}')).toMatch(/^1 [0-9a-f]{64}$/);
      const wrong = await machine.run(["inspect", "-f", "{{.Resources}}", "one"]);
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("can't evaluate field Resources")]);
      ok(await machine.run(["rm", "-f", "one"]));
    });
  });
});

test("info and version have Docker's fields, for templates and as json", async () => {
  await withMachine([], async (machine) => {
    const info = JSON.parse(ok(await machine.run(["info", "--format", "{{json .}}"])));
    expectFields(info, fields.infoFields);
    expect(info.DefaultRuntime in info.Runtimes).toBeTrue();
    const { Client, Server } = JSON.parse(ok(await machine.run(["version", "--format", "json"])));
    expectFields(Client, fields.clientFields);
    expectFields(Server, fields.serverFields);
    const say = async (command: string, format: string) => ok(await machine.run([command, "-f", format]));
    expect(await say("info", "{{.ServerVersion}} {{.ClientInfo.Version}}")).toBe(`${Server.Version} ${Client.Version}`);
    expect(await say("info", "{{len .Warnings}} {{.CPUCfsQuota}}")).toMatch(/^[0-5] (true|false)$/);
    expect(await say("info", "{{.Swarm.LocalNodeState}} {{range .Plugins.Volume}}{{.}}{{end}}")).toBe("inactive local");
    expect(await say("version", "{{.Client.APIVersion}} {{.Server.Os}}/{{.Server.Arch}}")).toMatch(
      /^1\.50 linux\/(amd64|arm64)$/,
    );
    expect(await say("version", "{{range .Server.Components}}{{.Name}} {{.Details.ApiVersion}}{{end}}")).toBe(
      "Engine 1.50",
    );
  });
});

test("rows of lists have Docker's columns as json", async () => {
  await withMachine(["busybox"], async (machine) => {
    ok(await machine.run(["volume", "create", "data"]));
    const directory = machine.file("a-directory/");
    const mounts = ["-v", "data:/data", "-v", `${directory}:/b`, "--tmpfs", "/t"];
    await detached(machine, "one", forever, ["--network", "none", ...mounts]);
    const operands: Record<string, string[]> = { history: ["busybox"], stats: ["--no-stream"] };
    for (const [command, names] of Object.entries(fields.rowFields)) {
      const words = [...command.split(" "), "--format", "json", ...(operands[command] ?? [])];
      const [row = "{}"] = ok(await machine.run(words)).split("\n");
      expect([command, missing(JSON.parse(row), names), unknown(JSON.parse(row), names)]).toEqual([command, [], []]);
    }
    const all = JSON.parse(ok(await machine.run(["system", "df", "-v", "--format", "json"])));
    expect(Object.keys(all)).toEqual(["Images", "Containers", "Volumes", "BuildCache"]);
    const [image, container, volume] = [all.Images, all.Containers, all.Volumes].map(([first]) => first);
    for (const [row, command] of [
      [image, "images"],
      [container, "ps"],
      [volume, "volume ls"],
    ])
      expect([missing(row, fields.rowFields[command]!), unknown(row, fields.rowFields[command]!)]).toEqual([[], []]);
    expect([image.Containers, container.LocalVolumes, volume.Links]).toEqual(["1", "1", "1"]);
    const names = "{{range .Containers}}{{.Names}}{{end}} {{len .BuildCache}}";
    expect(ok(await machine.run(["system", "df", "-v", "--format", names]))).toBe("one 0");
    // No tmpfs, and no more of a name than there is room for.
    const shown = ok(await machine.run(["ps", "--format", "{{.Mounts}}"]));
    expect(shown).toMatch(/^(data,\/.{13}…|\/.{13}…,data)$/);
    expect(ok(await machine.run(["ps", "--no-trunc", "--format", "{{.Mounts}}"]))).toContain("/a-directory");
    ok(await machine.run(["rm", "-f", "one"]));
    ok(await machine.run(["volume", "rm", "data"]));
    rmdirSync(directory);
  });
});
