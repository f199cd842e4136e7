/** Real archives by other people's tools: what GNU tar extracts is the oracle, and their own archives must load. */

import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadImages } from "../../src/image/load.ts";
import { findImage, type Image } from "../../src/image/store.ts";
import { pathsOf } from "../../src/paths.ts";
import { architecture, configOf, dockerArchive, rootfs } from "../support/images.ts";
import { tarOf } from "../support/tars.ts";
import { isRoot, temporaryDirectory } from "../support/temporary.ts";
import { describeTree, difficultTree, has, sh } from "../support/trees.ts";

// Owners and devices need root, and the oracle is GNU tar.
describe.skipIf(!has("tar", "bash", "find"))("a tree packed by GNU tar (root only)", () => {
  /** Zeros that a tar has written out are holes with us, and may be with any other. */
  const digHoles = `touch -r oracle/sparse time; fallocate -d oracle/sparse; touch -r time oracle/sparse`;
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
         mkdir oracle; tar --numeric-owner --xattrs --xattrs-include='*' -C oracle -xpf tree.tar; ${digHoles}`,
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
          mkdir oracle; ${tool === "bsdtar" ? "bsdtar" : "tar"} --numeric-owner -C oracle -xpf tree.tar; ${digHoles}`,
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
