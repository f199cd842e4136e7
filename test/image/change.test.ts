import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { applyChange } from "../../src/image/change.ts";

describe("applyChange()", () => {
  const right: [change: string, before: object, after: object][] = [
    ['CMD ["a", "b c"]', { Cmd: ["x"] }, { Cmd: ["a", "b c"] }],
    ["cmd echo $HOME", {}, { Cmd: ["/bin/sh", "-c", "echo $HOME"] }],
    ['ENTRYPOINT ["/init"]', {}, { Entrypoint: ["/init"] }],
    ["ENV A=1 B=\"two words\" C='$x'", { Env: ["A=0", "Z=9"] }, { Env: ["A=1", "Z=9", "B=two words", "C=$x"] }],
    ["ENV NAME all of this", { Env: null }, { Env: ["NAME=all of this"] }],
    ["ENV A=b\\ c", {}, { Env: ["A=b c"] }],
    [
      "EXPOSE 80 53/udp 8000-8001",
      { ExposedPorts: { "22/tcp": {} } },
      { ExposedPorts: { "22/tcp": {}, "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {} } },
    ],
    ['LABEL a=b "c d"="e f"', { Labels: { a: "old", k: "v" } }, { Labels: { a: "b", k: "v", "c d": "e f" } }],
    ["ONBUILD RUN make", { OnBuild: ["ADD . /"] }, { OnBuild: ["ADD . /", "RUN make"] }],
    ["STOPSIGNAL quit", {}, { StopSignal: "SIGQUIT" }],
    ["STOPSIGNAL 9", {}, { StopSignal: "9" }],
    ["USER nobody:nogroup", {}, { User: "nobody:nogroup" }],
    ['VOLUME ["/a", "/b c"]', {}, { Volumes: { "/a": {}, "/b c": {} } }],
    ["VOLUME /a /b", { Volumes: { "/z": {} } }, { Volumes: { "/z": {}, "/a": {}, "/b": {} } }],
    ["WORKDIR /srv", {}, { WorkingDir: "/srv" }],
    ["WORKDIR sub", { WorkingDir: "/srv" }, { WorkingDir: "/srv/sub" }],
  ];
  for (const [change, before, after] of right)
    test(`understands ${change}`, () => {
      expect(applyChange({ ...before, Healthcheck: {} }, change)).toEqual({ ...before, ...after, Healthcheck: {} });
    });
  const wrong = [
    "RUN ls",
    "HEALTHCHECK NONE",
    "",
    "CMD",
    'CMD ["a", 1]',
    "CMD [a]",
    "ENV A",
    "ENV A=1 B",
    "EXPOSE 0",
    "EXPOSE 70000",
    "EXPOSE x",
    "STOPSIGNAL NO",
    'ENV A="b',
    "constructor x",
  ];
  for (const change of wrong)
    test(`refuses ${JSON.stringify(change)}`, () => {
      expect(() => applyChange({}, change)).toThrow(UsageError);
    });
});
