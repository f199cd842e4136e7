import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseMount } from "../../../src/cli/container/mount.ts";
import { asHostPath } from "../../../src/cli/container/mount-source.ts";
import { parseMounts, parseVolume, parseVolumesFrom } from "../../../src/cli/container/mounts.ts";
import { parseTmpfs } from "../../../src/cli/container/tmpfs.ts";
import {
  chownOption,
  createSourceOption,
  idmapOption,
  relabelOption,
  subpathOption,
  writableBelowOption,
} from "../../../src/plan/rare/mount-options.ts";
import { refuses, strict } from "../../support/parsers.ts";

const caller = { cwd: "/here", uid: 1000, gid: 1001 };

test("every parser answers any text with a value or a UsageError", () => {
  strict((text) => parseVolume(text, caller));
  strict((text) => parseMount(text, "/cwd"));
  strict(parseTmpfs);
  strict(parseVolumesFrom);
});

describe("--volume", () => {
  test("is host:container[:options]", () => {
    expect(parseVolume("/a:/b", caller)).toEqual({
      destination: "/b",
      type: "bind",
      source: "/a",
      options: [createSourceOption],
    });
    expect(parseVolume("/a:/b:ro,rslave", caller).options).toEqual(["ro", "rslave", createSourceOption]);
    expect(parseVolume("./a:/b:Z", caller)).toMatchObject({
      source: "/here/a",
      options: [`${relabelOption}=private`, createSourceOption],
    });
    expect(() => parseVolume("/a:/b:z,Z", caller)).toThrow("both z and Z");
  });
  test("is refused with a word that is not known, or not for its kind, or a missing part", () => {
    const wrong = [
      "",
      ":",
      "/a:",
      ":/b",
      "/a:b",
      "n:/b",
      "-n:/b",
      "na/me:/b",
      "name",
      "/a:/b:rx",
      "/a:/b:ro:ro",
      "/a:/b:ro,rw",
      "/a:/b:nocopy",
      "name:/b:rslave",
      "name:/b:me",
      "/a:/b:U,me",
      "/a:/",
      "/a:/proc",
      "/a:/x/../y",
    ];
    refuses((text) => parseVolume(text, caller), wrong);
  });
  test("is a volume with a name, or without, and with Docker's options", () => {
    expect(parseVolume("data:/b:ro,nocopy,z", caller)).toEqual({
      destination: "/b",
      type: "volume",
      source: "data",
      options: ["ro", "nocopy", `${relabelOption}=shared`],
    });
    expect(parseVolume("/b", caller)).toEqual({ destination: "/b", type: "volume", options: [] });
  });
  test("me is the user behind sudo, and U is refused for directories that a host needs", () => {
    expect(parseVolume("/a:/b:me", caller).options).toEqual([`${idmapOption}=1000:1001`, createSourceOption]);
    expect(parseVolume("data:/b:U", caller).options).toEqual([chownOption]);
    refuses(
      (text) => parseVolume(text, caller),
      ["/:/b:U", "/etc:/b:U", "/etc/:/b:U", "//usr/./:/b:U", "./..:/b:U", "/srv/../var:/b:U", "/a:/b:ro,U"],
    );
  });
  test("comes back as it was written", () => {
    const path = fc.stringMatching(/^(\/[a-z0-9 ,._-]*[a-z0-9]){1,4}$/).filter((text) => !/\/\.\.?(\/|$)/.test(text));
    const words = fc.uniqueArray(fc.constantFrom("ro", "nosuid", "noexec", "rslave"), { maxLength: 3 });
    fc.assert(
      fc.property(path, path, words, (source, target, options) => {
        fc.pre(!/^\/proc(\/|$)/.test(target));
        const mount = parseVolume([source, target, options.join(",")].join(":"), caller);
        expect(mount).toEqual({
          destination: target,
          type: "bind",
          source,
          options: [...options, createSourceOption],
        });
      }),
    );
  });
});

describe("--mount", () => {
  const parse = (text: string) => parseMount(text, "/here");
  test("reads bind mounts, with every alias of a key", () => {
    const expected = { destination: "/b", type: "bind", source: "/a", options: ["rbind", "ro"] };
    for (const text of [
      "type=bind,source=/a,target=/b,readonly",
      "type=bind,src=/a,dst=/b,ro",
      "type=bind,src=/a,destination=/b,readonly=true",
      "readonly=1,dst=/b,src=/a,type=bind",
    ])
      expect(parse(text)).toEqual(expected);
    expect(parse("type=bind,src=/a,dst=/b,readonly=false").options).toEqual(["rbind"]);
    expect(parse("type=bind,src=/a,dst=/b,bind-propagation=rshared,bind-nonrecursive").options).toEqual([
      "bind",
      "rshared",
    ]);
  });
  test("reads how far down a bind goes, and what of it is read-only", () => {
    const options = (more: string) => parse(`type=bind,src=/a,dst=/b,${more}`).options;
    expect(options("bind-recursive=disabled")).toEqual(["bind"]);
    expect(options("ro,bind-recursive=writable")).toEqual(["rbind", "ro", writableBelowOption]);
    expect(options("ro,bind-recursive=readonly")).toEqual(["rbind", "ro"]);
    expect(options("bind-create-src")).toEqual(["rbind", createSourceOption]);
    refuses(options, ["bind-recursive=writable", "bind-recursive=deep", "bind-create-src=maybe"]);
  });
  test("reads volumes, which is what a mount is unless it says otherwise", () => {
    expect(parse("src=data,dst=/b")).toEqual({ destination: "/b", type: "volume", source: "data", options: [] });
    expect(parse("dst=/b,ro,volume-nocopy,volume-subpath=x/y")).toEqual({
      destination: "/b",
      type: "volume",
      options: ["ro", "nocopy", `${subpathOption}=x/y`],
    });
    const made = parse(
      'type=volume,dst=/b,volume-label=a=1,volume-label=b,volume-opt=type=none,"volume-opt=o=bind,ro"',
    );
    expect(made.volume).toEqual({ labels: { a: "1", b: "" }, options: { type: "none", o: "bind,ro" } });
    const paths = ["/x", "../x", "x/../../y", ""].map((path) => `dst=/b,volume-subpath=${path}`);
    refuses(parse, [
      ...paths,
      "dst=/b,volume-driver=nfs",
      "dst=/b,tmpfs-size=1m",
      'dst=/b,"ro',
      'dst="/b"x',
      "dst=/b,ro=2",
    ]);
  });
  test("reads mounts of images", () => {
    expect(parse("type=image,src=busybox:1,dst=/i,image-subpath=bin")).toEqual({
      destination: "/i",
      type: "image",
      source: "busybox:1",
      options: ["ro", "x-tinydocker.subpath=bin"],
    });
  });

  test("reads tmpfs mounts", () => {
    expect(parse("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770")).toEqual({
      destination: "/t",
      type: "tmpfs",
      source: "tmpfs",
      options: ["noexec", "nosuid", "nodev", "size=1048576", "mode=1770"],
    });
  });
  test("refuses what is missing, unknown, or of another type", () => {
    refuses(parse, [
      "",
      "type=bind",
      "type=bind,dst=/b",
      "type=bind,src=/a",
      "type=bind,src=name,dst=/b",
      "type=bind,src=/a,dst=/b,speed=high",
      "type=image,dst=/b",
      "type=image,src=v,dst=/b,rw=true",
      "type=image,src=v,dst=/b,image-subpath=../x",
      "type=volume,src=v,dst=/b",
      "src=./name,dst=/b",
      "type=tmpfs,src=/a,dst=/b",
      "type=tmpfs,dst=/b,tmpfs-mode=999",
      "type=tmpfs,dst=/b,tmpfs-size=big",
      "type=bind,src=/a,dst=/b,bind-propagation=sideways",
      "type=bind,src=/a,dst=/proc/sys",
      "type=bind,src=/a,dst=/..",
    ]);
  });
});

describe("--tmpfs", () => {
  test("is hardened unless it says otherwise", () => {
    expect(parseTmpfs("/t")).toEqual({
      destination: "/t",
      type: "tmpfs",
      source: "tmpfs",
      options: ["noexec", "nosuid", "nodev"],
    });
    expect(parseTmpfs("/t:exec,size=64m,mode=1777").options).toEqual([
      "nosuid",
      "nodev",
      "exec",
      "size=64m",
      "mode=1777",
    ]);
  });
  test("is told which value is wrong", () => {
    expect(() => parseTmpfs("/t:size=abc")).toThrow('--tmpfs: "size=abc" in /t:size=abc has no valid value');
    expect(() => parseTmpfs("/t:sise=1m")).toThrow('--tmpfs: unknown option "sise=1m" in /t:sise=1m');
  });
  test("is refused with an unknown option", () => {
    const last = "/t:size=1.5g,uid=7,gid=8,nr_inodes=1k,mode=01777,rw,ro,suid,nosuid,dev,noatime,async,huge=never";
    expect(parseTmpfs(last).options).toEqual([
      ...[
        "noexec",
        "size=1610612736",
        "uid=7",
        "gid=8",
        "nr_inodes=1k",
        "mode=01777",
        "ro",
        "nosuid",
        "dev",
        "noatime",
      ],
      "huge=never",
    ]);
    refuses(parseTmpfs, ["/t:tmpcopyup", "/t:uid=x", "/t:size=1e3", "/t:size=-1", "/t:bind", "/t:huge=big"]);
    refuses(parseTmpfs, ["", "t", "/", "/t:speed=1", "/t:size=", "/t:size=1,upperdir=/x", "/proc:size=1m"]);
  });
});

test("--volumes-from is a container, and whether it is read-only", () => {
  expect(parseVolumesFrom("web")).toEqual({ container: "web", readOnly: false });
  expect(parseVolumesFrom("web:ro")).toEqual({ container: "web", readOnly: true });
  refuses(parseVolumesFrom, ["", ":ro", "web:", "web:x", "web:ro:ro"]);
});

test("two mounts on one target are refused, whatever options they come from", () => {
  const words = { volume: ["/a:/x"], mount: ["type=tmpfs,dst=/x/"], tmpfs: [] };
  expect(() => parseMounts(words, caller)).toThrow("two mounts on /x");
});

test("a path that begins with dots is one of the working directory, without them", () => {
  const from = (path: string, cwd: string) => asHostPath(path, cwd);
  expect([from("./a/../b", "/w/x"), from("../../..", "/w/x"), from(".", "/w/x"), from("..//./a", "/w/x")]).toEqual([
    "/w/x/a/../b",
    "/",
    "/w/x",
    "/w/a",
  ]);
  expect([from(".", "/"), from("./a", "/"), from("a", "/w"), from("/./a", "/w")]).toEqual([
    "/",
    "/a",
    undefined,
    "/./a",
  ]);
});
