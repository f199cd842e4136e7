/** Where mounts go in an image, and what cannot be mounted there; what images with odd words in them do. */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageTar, Machine } from "../support/containers.ts";
import { configOf, dockerArchive } from "../support/images.ts";
import { needing, root } from "../support/needs.ts";
import { type RawEntry, tarOf } from "../support/tars.ts";

const test = needing(root);

const links: RawEntry[] = [
  { name: "etc/localtime", type: "2", link: "../usr/share/zoneinfo/X" },
  { name: "out", type: "2", link: "../../../x/y" },
  { name: "loop", type: "2", link: "loop" },
];

let machine: Machine;
beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  machine = await new Machine().open();
  await machine.loadFile(imageTar("busybox"), "busybox");
  const layers = [readFileSync(imageTar("busybox")), tarOf(...links)];
  const path = join(machine.tmp, "links.tar");
  writeFileSync(path, tarOf(...dockerArchive({ config: configOf(layers), layers, tags: ["links"] })));
  await machine.loadFile(path, "links");
});
afterAll(async () => await machine?.[Symbol.asyncDispose]());

const run = (...args: string[]) => machine.run(["run", "--rm", "--network", "none", ...args]);

describe("a mount", () => {
  test("on a symbolic link that leads nowhere goes where it leads, inside the root", async () => {
    const file = machine.file("tmp/zone", "a zone\n");
    const directory = machine.file("tmp/shared/");
    writeFileSync(join(directory, "f"), "a file\n");
    const mounts = ["-v", `${file}:/etc/localtime`, "-v", `${directory}:/out`, "-v", `${directory}:/out/below`];
    const script = "readlink /etc/localtime; cat /usr/share/zoneinfo/X /etc/localtime /x/y/f /out/below/f";
    const { stdout } = await run(...mounts, "links", "sh", "-c", script);
    expect(stdout).toBe("../usr/share/zoneinfo/X\na zone\na zone\na file\na file\n");
    expect((await run("-v", `${directory}:/loop`, "links", "true")).stderr).toContain("ELOOP");
  });
  test("of a file on a directory, or the other way round, is refused by both their names", async () => {
    const file = machine.file("tmp/file", "x");
    for (const [mount, why] of [
      [`${file}:/etc`, `cannot mount ${file} on /etc: one is a file, the other a directory`],
      [`${machine.tmp}:/bin/sh`, `cannot mount ${machine.tmp} on /bin/sh: one is a directory, the other a file`],
    ] as const) {
      const { code, stderr } = await run("-v", mount, "busybox", "true");
      expect([code, stderr]).toEqual([125, expect.stringContaining(why)]);
    }
    // What lies over the image is what counts.
    const covered = await run(
      "-v",
      "/d",
      "-v",
      `${file}:/d/bin`,
      "-v",
      `${file}:/etc/file`,
      "busybox",
      "cat",
      "/d/bin",
    );
    expect(covered.stdout).toBe("x");
  });
  test("of what is private is not passed on, and says so", async () => {
    const { code, stderr } = await run("-v", `${machine.tmp}:/m:rshared`, "busybox", "true");
    expect([code, stderr]).toEqual([
      125,
      expect.stringMatching(/cannot mount .* as rshared: it is on .*, which is not a shared mount/),
    ]);
  });
});

describe("--mount type=image", () => {
  test("shows another image, or a part of it, read-only; it stays while the container is there", async () => {
    const mounts = [
      "type=image,src=links,dst=/i",
      "type=image,src=links,dst=/b,image-subpath=bin",
      "type=image,src=busybox,dst=/s,subpath=bin/sh",
    ];
    const script = "readlink /i/out; ls /b | grep -x sh; test -x /s && echo program; touch /i/x /b/x";
    const { stdout, stderr } = await run(...mounts.flatMap((text) => ["--mount", text]), "busybox", "sh", "-c", script);
    expect(stdout).toBe("../../../x/y\nsh\nprogram\n");
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
    await machine.run(["tag", "links", "other"]);
    await machine.run([
      "create",
      "--name",
      "user",
      "--network",
      "none",
      "--mount",
      mounts[0]!,
      "busybox",
      "readlink",
      "/i/out",
    ]);
    expect((await machine.run(["rmi", "links", "other"])).stderr).toContain(
      "cannot remove other: container user uses it",
    );
    expect((await machine.run(["cp", "user:/i/bin/busybox", "-"])).stdout.length).toBeGreaterThan(500_000);
    await machine.run(["tag", "other", "links"]);
    expect((await machine.run(["start", "-a", "user"])).stdout).toBe("../../../x/y\n");
    await machine.run(["rm", "user"]);
    await machine.run(["rmi", "other"]);
  });
  test("names an image or a path that is not there", async () => {
    for (const [mount, why] of [
      ["type=image,src=nothing,dst=/i", "--mount: no such image: nothing"],
      ["type=image,src=links,dst=/i,image-subpath=no/such", "there is no such path in the image"],
      ["type=image,src=links,dst=/etc/passwd", "on /etc/passwd: one is a directory, the other a file"],
    ] as const) {
      const { code, stderr } = await run("--mount", mount, "busybox", "true");
      expect([code, stderr]).toEqual([125, expect.stringContaining(why)]);
    }
  });
});

test("--platform refuses an image for another one, variants too", async () => {
  const host =
    process.arch === "arm64"
      ? ["linux/arm64", "aarch64", "linux/arm64/v8"]
      : ["linux/amd64", "x86_64", "linux/amd64/v1"];
  for (const platform of [...host, "linux"])
    expect((await run("--platform", platform, "busybox", "echo", "fine")).stdout).toBe("fine\n");
  for (const platform of ["linux/s390x", `${host[0]}/v4`, "windows/amd64"]) {
    const { code, stderr } = await run("--platform", platform, "busybox", "true");
    expect([code, stderr]).toEqual([125, expect.stringMatching(/busybox is for linux\/[^ ]*, not for /)]);
  }
  expect((await run("--platform", "a/b/c/d", "busybox", "true")).stderr).toContain('"a/b/c/d" is not a valid platform');
  expect((await run("--platform", "foo", "busybox", "true")).stderr).toContain(
    '--platform: "foo" is neither an operating system nor an architecture',
  );
});

test("options of --tmpfs reach the file system; --volume-driver is local", async () => {
  const script =
    "stat -c '%a %u %g' /t; df -k /t | tail -1 | tr -s ' ' | cut -d' ' -f2; grep ' /t ' /proc/mounts; cp /bin/busybox /t/busybox; /t/busybox true && echo ran";
  const { stdout } = await run(
    "--tmpfs",
    "/t:size=2.5m,mode=1711,uid=3,gid=4,exec,noatime,nr_inodes=99",
    "busybox",
    "sh",
    "-c",
    script,
  );
  expect(stdout).toMatch(
    /^1711 3 4\n2560\ntmpfs \/t tmpfs rw,nosuid,nodev,noatime,size=2560k,nr_inodes=99,mode=1711,uid=3,gid=4[^\n]*\nran\n$/,
  );
  const driver = await run("--volume-driver", "rexray", "busybox", "true");
  expect([driver.code, driver.stderr]).toEqual([
    125,
    expect.stringContaining('--volume-driver: "rexray" is not supported'),
  ]);
});

test("a volume of a server that is not there, or that the kernel cannot ask, names it and leaves nothing mounted", async () => {
  for (const options of [
    ["type=nfs", "o=addr=127.0.0.1,rw,nfsvers=4,soft,retrans=1,timeo=1", "device=:/exports"],
    ["type=nfs", "device=127.0.0.1:/exports", "o=soft,timeo=1"],
  ]) {
    await machine.run(["volume", "create", ...options.flatMap((option) => ["-o", option]), "remote"]);
    const { code, stderr } = await run("-v", "remote:/r", "busybox", "true");
    expect([code, stderr]).toEqual([
      125,
      expect.stringMatching(/cannot mount nfs.*\n.*hint: (this kernel has no nfs|.* does not answer|the kernel says)/),
    ]);
    expect((await machine.run(["volume", "rm", "remote"])).code).toBe(0);
  }
  for (const [options, why] of [
    [["type=nfs", "device=:/x"], "has no addr"],
    [["type=nfs", "device=x", "o=addr=1.2.3.4"], "is not a path on a server"],
  ] as const) {
    const made = await machine.run(["volume", "create", ...options.flatMap((option) => ["-o", option]), "remote"]);
    expect([made.code, made.stderr]).toEqual([125, expect.stringContaining(why)]);
  }
});

test("images --tree shows what is built on what", async () => {
  const { stdout } = await machine.run(["images", "--tree"]);
  const [heading, first, second] = stdout.split("\n");
  expect(heading).toMatch(/^IMAGE +ID +PLATFORM +DISK USAGE +ADDED +EXTRA$/);
  expect(first).toMatch(/^busybox:latest +[0-9a-f]{12} +linux\/[a-z0-9]+ +[\d.]+MB +[\d.]+MB$/);
  expect(second).toMatch(/^└─ links:latest +[0-9a-f]{12} +linux\/[a-z0-9]+ +[\d.]+MB +0B$/);
  expect((await machine.run(["images", "--tree", "-q"])).stderr).toContain("--quiet is not supported with --tree");
  expect((await machine.run(["rmi", "--no-prune", "no-such"])).stderr).toContain("no such image: no-such");
});

test("image prune and system prune go by when an image was made, too", async () => {
  await machine.run(["tag", "links", "made-2024"]);
  const pruned = await machine.run(["image", "prune", "-af", "--filter", "until=2023-01-01T00:00:00Z"]);
  expect(pruned.stdout).not.toContain("links");
  const old = await machine.run(["system", "prune", "-af", "--filter", "until=2025-01-01T00:00:00Z"]);
  expect(old.stdout).toContain("untagged: links:latest\nuntagged: made-2024:latest\n");
  const volumes = await machine.run(["system", "prune", "-f", "--volumes", "--filter", "until=1h"]);
  expect([volumes.code, volumes.stderr]).toEqual([125, expect.stringContaining("is not supported with --volumes")]);
  const empty = await machine.run(["import", machine.file("tmp/empty.tar"), "busybox"]);
  expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining("is empty: there is no file in it")]);
});
