import { describe, expect, test } from "bun:test";
import { describeContainer } from "../../../src/engine/inspect/inspect.ts";
import type { Container } from "../../../src/engine/record/container.ts";
import { noNetworkOptions } from "../../../src/plan/network/options.ts";
import { inJson } from "../../support/in-json.ts";

const container = (change: { record?: object; options?: object; settings?: object; state?: object; status?: string }) =>
  ({
    record: {
      id: "ab".repeat(32),
      name: "web",
      created: "2026-01-02T03:04:05.678Z",
      image: "busybox",
      imageId: `sha256:${"cd".repeat(32)}`,
      lower: ["/l/1", "/l/2"],
      rootMode: 0o755,
      defaults: { Cmd: ["sh"], Entrypoint: ["/entry"], Env: ["A=1"], Labels: { theirs: "1", both: "2" } },
      ...change.record,
      options: {
        command: [],
        mounts: [],
        env: ["A=2"],
        network: { ...noNetworkOptions, mode: "none" },
        terminal: false,
        readOnly: false,
        privileged: false,
        capAdd: [],
        capDrop: [],
        ...change.options,
      },
      settings: {
        remove: false,
        init: false,
        interactive: false,
        restart: { name: "on-failure", maximumRetries: 3 },
        log: { driver: "local", maxBytes: 100, maxFiles: 2 },
        labels: { both: "ours" },
        ...change.settings,
      },
    },
    state: { status: "exited", restartCount: 2, exitCode: 7, ...change.state },
    status: change.status ?? "exited",
  }) as unknown as Container;

test("describeContainer() says under Docker's names what was asked for and what became of it", () => {
  const described = describeContainer(container({ options: { memoryBytes: 64 << 20, cpus: 0.5 } }), "/d", []);
  expect(inJson(described)).toMatchObject({
    Id: "ab".repeat(32),
    Name: "/web",
    Path: "/entry",
    Args: ["sh"],
    RestartCount: 2,
    LogPath: "/d/log",
    State: { Status: "exited", Running: false, Pid: 0, ExitCode: 7, StartedAt: "0001-01-01T00:00:00Z" },
    HostConfig: {
      NanoCpus: 5e8,
      Memory: 64 << 20,
      MemorySwap: 128 << 20,
      PidsLimit: 0,
      RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
      Binds: null,
    },
    GraphDriver: {
      Data: new Map([
        ["ID", "ab".repeat(32)],
        ["LowerDir", "/l/2:/l/1"],
        ["MergedDir", ""],
        ["UpperDir", "/d/upper"],
        ["WorkDir", "/d/work"],
      ]),
    },
    Config: { Cmd: ["sh"], Entrypoint: ["/entry"], StopSignal: "SIGTERM", Healthcheck: undefined },
  });
  expect(described.Config.Env).toContain("A=2");
  expect(described.Config.Labels).toEqual(
    new Map([
      ["theirs", "1"],
      ["both", "ours"],
    ]),
  );
});

test("describeContainer() gives a process number only to what has a process", () => {
  const process = { pid: 42, startTicks: 1, bootId: "x" };
  const state = { status: "running", exitCode: 7, process };
  expect(describeContainer(container({ state, status: "running" }), "/d", []).State).toMatchObject({
    Running: true,
    Pid: 42,
    ExitCode: 0,
    Monitored: true,
  });
  expect(describeContainer(container({ state, status: "unknown" }), "/d", []).State).toMatchObject({
    Status: "running",
    Monitored: false,
  });
  expect(describeContainer(container({ state, status: "exited" }), "/d", []).State).toMatchObject({
    Pid: 0,
    ExitCode: 7,
  });
});

describe("describeContainer() tells mounts", () => {
  const describing = (mounts: object[]) => {
    const { HostConfig, Mounts } = describeContainer(container({ options: { mounts } }), "/r/containers/id", []);
    return { HostConfig, Mounts };
  };
  const byMount = "x-tinydocker.by-mount";
  test("of --volume as binds, with the words that were said", () => {
    const { HostConfig, Mounts } = describing([
      { type: "bind", source: "/a", destination: "/b", options: ["ro", "rslave", "x-tinydocker.create-source"] },
      { type: "bind", source: "/h", destination: "/me", options: ["x-tinydocker.idmap=7:8"] },
      { type: "volume", source: "v", destination: "/v", options: ["nocopy"] },
      { type: "volume", source: "0a", destination: "/anonymous", options: ["x-tinydocker.anonymous"] },
    ]);
    expect(HostConfig.Binds).toEqual(["/a:/b:ro,rslave", "/h:/me:me", "v:/v:nocopy"]);
    expect(HostConfig.Mounts).toHaveLength(0);
    const volume = { Type: "volume", Driver: "local", Mode: "", RW: true, Propagation: "" };
    expect<unknown>(Mounts).toEqual([
      { Type: "bind", Source: "/a", Destination: "/b", Mode: "ro", RW: false, Propagation: "rslave" },
      { Type: "bind", Source: "/h", Destination: "/me", Mode: "", RW: true, Propagation: "rprivate" },
      { ...volume, Name: "v", Source: "/r/volumes/v/_data", Destination: "/v" },
      { ...volume, Name: "0a", Source: "/r/volumes/0a/_data", Destination: "/anonymous" },
    ]);
  });
  test("of --tmpfs by their options, which are no mount points of Docker's", () => {
    const mounts = [{ type: "tmpfs", source: "tmpfs", destination: "/t", options: ["size=1m", "noexec"] }];
    const { HostConfig, Mounts } = describing(mounts);
    expect(HostConfig.Tmpfs).toEqual(new Map([["/t", "size=1m,noexec"]]));
    for (const list of [HostConfig.Binds, HostConfig.Mounts, Mounts]) expect(list).toHaveLength(0);
  });
  test("of --mount as what was asked for, of every kind", () => {
    const { HostConfig, Mounts } = describing([
      { type: "bind", source: "/a", destination: "/b", options: ["bind", "ro", "rshared", byMount] },
      { type: "tmpfs", source: "tmpfs", destination: "/t", options: ["noexec", "size=1048576", "mode=1770", byMount] },
      { type: "image", source: "sha256:0", destination: "/i", options: ["ro", "x-tinydocker.subpath=etc", byMount] },
      {
        ...{ type: "volume", source: "v", destination: "/v", options: ["nocopy", byMount] },
        volume: { labels: { a: "b" }, options: { type: "tmpfs" } },
      },
      { type: "volume", source: "0a", destination: "/n", options: [byMount, "x-tinydocker.anonymous"] },
    ]);
    for (const { length } of [HostConfig.Binds, [...HostConfig.Tmpfs]]) expect(length).toBe(0);
    expect(HostConfig.Mounts).toEqual([
      {
        ...{ Type: "bind", Source: "/a", Target: "/b", ReadOnly: true },
        BindOptions: { Propagation: "rshared", NonRecursive: true },
      },
      { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1770 } },
      { Type: "image", Source: "sha256:0", Target: "/i", ImageOptions: { Subpath: "etc" } },
      {
        ...{ Type: "volume", Source: "v", Target: "/v" },
        VolumeOptions: {
          NoCopy: true,
          Labels: new Map([["a", "b"]]),
          DriverConfig: { Name: "local", Options: new Map([["type", "tmpfs"]]) },
        },
      },
      { Type: "volume", Target: "/n" },
    ]);
    expect(Mounts.map(({ Type, Source, Mode, RW }) => [Type, Source, Mode, RW])).toEqual([
      ["bind", "/a", "", false],
      ["tmpfs", "", "", true],
      ["image", "sha256:0", "", false],
      ["volume", "/r/volumes/v/_data", "", true],
      ["volume", "/r/volumes/0a/_data", "", true],
    ]);
  });
});
