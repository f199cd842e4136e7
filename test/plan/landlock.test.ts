import { expect, test } from "bun:test";
import { landlockBits, landlockProfile, resolveLandlock } from "../../src/plan/rare/landlock.ts";

const read = (value: object) => landlockProfile(value, "r.json:");

test("a file of rules is read as it is, and what is misspelt, not handled or without effect is named", () => {
  const file = {
    handledAccessFs: ["read_file", "write_file"],
    handledAccessNet: ["bind_tcp"],
    pathBeneath: [{ paths: ["/a", "/b"], allowedAccess: ["read_file"] }],
    netPort: [{ ports: [80], allowedAccess: ["bind_tcp"] }],
    bestEffort: true,
  };
  expect(read(file)).toEqual(file as never);
  const fs = { handledAccessFs: ["read_file"] };
  for (const [value, message] of [
    [{ ...fs, handled: [] }, "r.json: handled is not known"],
    [{ ...fs, pathBeneath: [{ paths: ["/"], allowedAccess: ["read_file"], x: 1 }] }, "pathBeneath[0].x is not known"],
    [{ handledAccessFs: ["read"] }, 'handledAccessFs[0] is "read", and not one of execute'],
    [{ ...fs, pathBeneath: [{ paths: ["a"], allowedAccess: ["read_file"] }] }, "pathBeneath[0].paths[0]"],
    [
      { ...fs, pathBeneath: [{ paths: ["/"], allowedAccess: ["execute"] }] },
      "execute, which is not in handledAccessFs",
    ],
    [{ ...fs, netPort: [{ ports: [80], allowedAccess: ["bind_tcp"] }] }, "bind_tcp, which is not in handledAccessNet"],
    [{ ...fs, pathBeneath: [{ paths: ["/"], allowedAccess: [] }] }, "allowedAccess is empty"],
    [{ bestEffort: true }, "nothing is handled or scoped"],
  ] as const)
    expect(() => read(value)).toThrow(message);
});

test("what a kernel does not know is refused by its name, or left out with bestEffort", () => {
  const file = {
    handledAccessFs: ["read_file", "truncate"],
    handledAccessNet: ["bind_tcp"],
    scoped: ["signal"],
    pathBeneath: [
      { paths: ["/a", "/b"], allowedAccess: ["read_file"] },
      { paths: ["/c"], allowedAccess: ["truncate"] },
    ],
    netPort: [{ ports: [80, 81], allowedAccess: ["bind_tcp"] }],
  };
  const resolve = (more: object, version: number | undefined) =>
    resolveLandlock(read({ ...file, ...more }), version, "r.json:");
  expect(resolve({}, 6)).toMatchObject({ fs: file.handledAccessFs, net: ["bind_tcp"], scoped: ["signal"] });
  expect(() => resolve({}, 2)).toThrow("truncate needs version 3 of Landlock's ABI, and this kernel has 2");
  expect(() => resolve({}, 3)).toThrow("bind_tcp needs version 4");
  expect(() => resolve({}, 5)).toThrow("signal needs version 6");
  expect(() => resolve({}, undefined)).toThrow("this kernel has no Landlock");
  const allowed = ["read_file"];
  expect(resolve({ bestEffort: true }, 2)).toEqual({
    ...{ fs: ["read_file"], net: [], scoped: [] },
    ...{ paths: ["/a", "/b"].map((path) => ({ path, allowed })), ports: [] },
  });
  expect(resolve({ bestEffort: true }, undefined)).toBeUndefined();
});

test("rights are the bits of linux/landlock.h", () => {
  const { fs, net, scoped } = landlockBits;
  expect([fs(["execute"]), fs(["read_dir", "make_sym"]), fs(["refer", "truncate", "ioctl_dev"])]).toEqual([
    ...[1, 8 + 2 ** 12, 2 ** 13 + 2 ** 14 + 2 ** 15],
  ]);
  expect([net(["connect_tcp"]), scoped(["abstract_unix_socket", "signal"])]).toEqual([2, 3]);
});
