import { expect, test } from "bun:test";
import { describeContainer } from "../../../src/engine/inspect/inspect.ts";
import type { Container } from "../../../src/engine/record/container.ts";
import { noNetworkOptions } from "../../../src/plan/network-options.ts";
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

test("describeContainer() tells mounts, and of tmpfs their options", () => {
  const mounts = [
    { type: "bind", source: "/a", destination: "/b", options: ["ro", "rslave"] },
    { type: "tmpfs", source: "tmpfs", destination: "/t", options: ["size=1m", "noexec"] },
  ];
  const { HostConfig, Mounts } = describeContainer(container({ options: { mounts } }), "/d", []);
  expect(HostConfig.Binds).toEqual(["/a:/b:ro"]);
  expect(HostConfig.Tmpfs).toEqual(new Map([["/t", "size=1m,noexec"]]));
  expect(Mounts).toEqual([
    { Type: "bind", Source: "/a", Destination: "/b", Mode: "ro", RW: false, Propagation: "rslave" },
  ]);
});
