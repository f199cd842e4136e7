/** Real archives by other people's tools: what GNU tar extracts is the oracle, and their own archives must load. */

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { loadImages } from "../../src/image/load.ts";
import { findImage, type Image } from "../../src/image/store.ts";
import { pathsOf } from "../../src/paths.ts";
import { architecture, configOf, dockerArchive, rootfs } from "../support/images.ts";
import { tarOf } from "../support/tars.ts";
import { isRoot, temporaryDirectory } from "../support/temporary.ts";

const has = (...tools: string[]): boolean => isRoot && tools.every((tool) => Bun.which(tool));

function sh(script: string, cwd: string): string {
  const done = Bun.spawnSync(["bash", "-euc", script], { cwd, env: { ...process.env, LC_ALL: "C" } });
  if (done.exitCode !== 0) throw new Error(`${script}\n${done.stderr}`);
  return done.stdout.toString("latin1");
}

/** Everything find(1) knows of a tree, its contents by hash and its extended attributes. */
const describeTree = (root: string): string =>
  sh(
    `find . -printf '%p %y %m %U %G %n %T@ %l ' \\( -type d -printf '\\n' -o -printf '%s %b\\n' \\) | sort
     find . \\( -type b -o -type c \\) -print0 | sort -z | xargs -0r stat -c '%n %t:%T'
     find . -type f -print0 | sort -z | xargs -0r sha256sum
     ${Bun.which("getfattr") ? "find . -type f -print0 | sort -z | xargs -0r getfattr -d -m '^(user|security)' -e hex" : "true"}`,
    root,
  );

/** A tree with everything that is hard to get right. */
function difficultTree(directory: string): void {
  sh(
    `mkdir -p tree/d/deep tree/sticky; cd tree
     printf hello > file; ln file d/hard; ln -s ../file d/soft; ln -s /absolute/elsewhere dangling; ln dangling linked-link
     printf x > suid; chown 1000:2000 suid; chmod 6755 suid
     printf x > huge-owner; chown 4000000000:4100000000 huge-owner
     mknod null c 1 3; mknod disk b 259 70000; mkfifo -m 0620 pipe; chmod 1777 sticky; chmod 2750 d
     : > empty; chmod 0 empty
     mkdir -p ${"long-directory-name-".repeat(6)}/${"x".repeat(200)}
     printf deep > ${"long-directory-name-".repeat(6)}/${"x".repeat(200)}/${"y".repeat(250)}
     printf raw > $'not-utf8-\\xff\\xfe'; printf nl > $'new\\nline'; printf sp > ' spaces and ünïcode '
     ln -s ${"t".repeat(300)} long-target`,
    directory,
  );
  writeFileSync(`${directory}/tree/sparse`, "start");
  truncateSync(`${directory}/tree/sparse`, 30_000_000);
  sh(`printf middle | dd of=sparse bs=1 seek=20000000 conv=notrunc status=none`, `${directory}/tree`);
  for (let i = 0; i < 12; i++)
    sh(`printf ${i} | dd of=sparse bs=1 seek=$((${i} * 2000000)) conv=notrunc status=none`, `${directory}/tree`);
  if (Bun.which("setcap")) sh("cp /bin/true capable; setcap cap_net_raw,cap_net_admin+ep capable", `${directory}/tree`);
  if (Bun.which("setfattr")) sh("setfattr -n user.note -v 0x00ff0a3d file", `${directory}/tree`);
  utimesSync(`${directory}/tree/file`, 1.5, 1_234_567_890.123);
  utimesSync(`${directory}/tree/empty`, 0, -1000);
  utimesSync(`${directory}/tree/d`, 0, 4_000_000_000);
}

// Owners and devices need root, and the oracle is GNU tar.
describe.skipIf(!has("tar", "bash", "find"))("a tree packed by GNU tar (root only)", () => {
  const formats: Record<string, string> = {
    pax: "--format=pax --xattrs --xattrs-include='*'",
    "pax, sparse 0.0": "--format=pax -S --sparse-version=0.0 --xattrs --xattrs-include='*'",
    "pax, sparse 0.1": "--format=pax -S --sparse-version=0.1",
    "pax, sparse 1.0": "--format=pax -S --sparse-version=1.0",
    gnu: "--format=gnu",
    "gnu, sparse": "--format=gnu -S",
    oldgnu: "--format=oldgnu -S",
    "gnu, in big records": "--format=gnu -b 200",
  };
  for (const [name, flags] of Object.entries(formats))
    test(`comes out as GNU tar extracts it: ${name}`, async () => {
      const directory = temporaryDirectory();
      difficultTree(directory);
      sh(
        `tar --numeric-owner ${flags} -C tree -cf tree.tar .
         mkdir oracle; tar --numeric-owner --xattrs --xattrs-include='*' -C oracle -xpf tree.tar`,
        directory,
      );
      await loadImages(pathsOf(`${directory}/root`), `${directory}/tree.tar`);
      const image = findImage(pathsOf(`${directory}/root`), "tree") as Image;
      expect(describeTree(`${image.layers[0]}/.`)).toBe(describeTree(`${directory}/oracle`));
    });

  for (const tool of ["bsdtar", "busybox"])
    test.skipIf(!has(tool))(`comes out the same when ${tool} packed it`, async () => {
      const directory = temporaryDirectory();
      difficultTree(directory);
      // What these two cannot say themselves: ids beyond octal and names that are not UTF-8.
      sh("rm tree/huge-owner tree/not-utf8* tree/d/hard; touch -h -d @1234567890 tree/* tree/d", directory);
      sh(
        `${tool === "busybox" ? "busybox tar" : "bsdtar --numeric-owner"} -C tree -cf tree.tar .
          mkdir oracle; ${tool === "bsdtar" ? "bsdtar" : "tar"} --numeric-owner -C oracle -xpf tree.tar`,
        directory,
      );
      await loadImages(pathsOf(`${directory}/root`), `${directory}/tree.tar`);
      const image = findImage(pathsOf(`${directory}/root`), "tree") as Image;
      // bsdtar does not restore the time of the directory it extracts into.
      const withoutRoot = (root: string) => describeTree(root).replace(/^\. .*\n/, "");
      expect(withoutRoot(`${image.layers[0]}/.`)).toBe(withoutRoot(`${directory}/oracle`));
    });
});

describe.skipIf(!isRoot)("archives of other tools (root only)", () => {
  const layers = [rootfs({ name: "etc/" }, { name: "etc/a", content: "a" }), tarOf({ name: "etc/b", content: "b" })];
  const config = configOf(layers);

  /** Makes the same image in `form` by skopeo, from a docker archive of ours. */
  function bySkopeo(directory: string, destination: string, flags = ""): void {
    mkdirSync(`${directory}/tmp`, { recursive: true });
    writeFileSync(`${directory}/src.tar`, tarOf(...dockerArchive({ config, layers, tags: ["demo:v1"] })));
    writeFileSync(`${directory}/policy.json`, '{"default":[{"type":"insecureAcceptAnything"}]}');
    sh(`skopeo --policy policy.json --tmpdir tmp copy ${flags} docker-archive:src.tar ${destination}`, directory);
  }

  const forms: Record<string, [destination: string, file: string, reference: string, flags?: string]> = {
    "docker archive": ["docker-archive:out.tar:demo:v2", "out.tar", "demo:v2"],
    "OCI archive": ["oci-archive:out.tar:demo:v3", "out.tar", "demo:v3"],
    "OCI layout": ["oci:out:v4", "out", "out:v4"],
    "OCI layout with zstd layers": ["oci:out:v5", "out", "out:v5", "--dest-compress-format zstd"],
  };
  for (const [form, [destination, file, reference, flags]] of Object.entries(forms))
    test.skipIf(!has("skopeo"))(`load: ${form} by skopeo`, async () => {
      const directory = temporaryDirectory();
      bySkopeo(directory, destination, flags);
      const paths = pathsOf(`${directory}/root`);
      expect((await loadImages(paths, `${directory}/${file}`))[0]?.references).toEqual([reference]);
      const image = findImage(paths, reference) as Image;
      expect(image.config).toMatchObject({ architecture, config: { Cmd: ["/bin/sh"] } });
      expect(readFileSync(`${image.layers[1]}/etc/b`, "utf8")).toBe("b");
    });

  test.skipIf(!has("skopeo", "umoci"))("load: an OCI layout changed by umoci, with a whiteout", async () => {
    const directory = temporaryDirectory();
    bySkopeo(directory, "oci:out:v1");
    sh(
      `umoci unpack --image out:v1 bundle; rm bundle/rootfs/etc/a; printf c > bundle/rootfs/etc/c
       umoci repack --image out:v2 bundle`,
      directory,
    );
    const paths = pathsOf(`${directory}/root`);
    const loaded = await loadImages(paths, `${directory}/out`);
    expect(loaded.flatMap(({ references }) => references).sort()).toEqual(["out:v1", "out:v2"]);
    const image = findImage(paths, "out:v2") as Image;
    expect(image.layers).toHaveLength(3);
    expect(sh("stat -c %F:%t:%T a; cat c", `${image.layers[2]}/etc`)).toBe("character special file:0:0\nc");
  });

  test.skipIf(!has("buildah"))("load: an image built by buildah from scratch", async () => {
    const directory = temporaryDirectory();
    writeFileSync(`${directory}/policy.json`, '{"default":[{"type":"insecureAcceptAnything"}]}');
    writeFileSync(`${directory}/fs.tar`, layers[0] as Buffer);
    sh(
      `b="buildah --root $PWD/store --runroot $PWD/run --storage-driver vfs"
       c=$($b from scratch); $b add $c fs.tar / >/dev/null; $b config --cmd /bin/sh --env A=b $c
       $b commit --signature-policy policy.json -q $c oci-archive:built.tar:built:1 >/dev/null; $b rm -a >/dev/null`,
      directory,
    );
    const paths = pathsOf(`${directory}/root`);
    await loadImages(paths, `${directory}/built.tar`);
    const image = findImage(paths, "built:1") as Image;
    expect(image.config.config.Env).toContain("A=b");
    expect(existsSync(`${image.layers[0]}/bin/sh`)).toBe(true);
  });
});
