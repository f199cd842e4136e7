/** Images made by other people's tools: OCI layouts and archives of several layers, docker archives, a Debian. */

import { afterAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../support/cli.ts";
import { imageTar, type Machine, withMachine } from "../support/containers.ts";
import { needing, root, tool } from "../support/needs.ts";

const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
});

function workDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "tinydocker-images-"));
  made.push(directory);
  return directory;
}

async function must(argv: string[], cwd: string, env: Record<string, string> = {}): Promise<void> {
  const result = await runProgram(argv, {
    cwd,
    env: { PATH: process.env.PATH!, HOME: cwd, ...env },
    timeoutMs: 300_000,
  });
  if (result.code !== 0) throw new Error(`${argv.join(" ")}: ${result.stderr || result.stdout}`);
}

/** An OCI layout with three layers by umoci: busybox, additions, and whiteouts of both kinds. */
async function layout(): Promise<string> {
  const cwd = workDirectory();
  mkdirSync(join(cwd, "two/etc/deep"), { recursive: true });
  writeFileSync(join(cwd, "two/etc/two"), "second layer\n");
  writeFileSync(join(cwd, "two/etc/deep/hidden"), "x");
  symlinkSync("two", join(cwd, "two/etc/link"));
  mkdirSync(join(cwd, "three/etc/deep"), { recursive: true });
  writeFileSync(join(cwd, "three/etc/.wh.shells"), "");
  writeFileSync(join(cwd, "three/etc/deep/.wh..wh..opq"), "");
  writeFileSync(join(cwd, "three/etc/deep/seen"), "");
  await must(["umoci", "init", "--layout", "layout"], cwd);
  await must(["umoci", "new", "--image", "layout:v1"], cwd);
  for (const name of ["two", "three"]) await must(["tar", "-C", name, "-cf", `${name}.tar`, "."], cwd);
  for (const tar of [imageTar("busybox"), "two.tar", "three.tar"])
    await must(["umoci", "raw", "add-layer", "--image", "layout:v1", tar], cwd);
  const config = [
    "--config.cmd",
    "cat",
    "--config.cmd",
    "/etc/link",
    "--config.env",
    "FROM=umoci",
    "--config.user",
    "www-data",
  ];
  await must(["umoci", "config", "--image", "layout:v1", ...config, "--config.workingdir", "/var/www"], cwd);
  return cwd;
}
let shared: Promise<string> | undefined;
const sharedLayout = () => (shared ??= layout());

/** What every form of that image must show when it runs. */
async function expectRight(machine: Machine, image: string): Promise<void> {
  expect((await machine.container([image])).stdout).toBe("second layer\n");
  const script =
    "id -un; pwd; echo $FROM; ls /etc/deep; ls /etc/shells /etc/passwd 2>&1; stat -c %u:%a /etc/two /bin/busybox";
  const { stdout } = await machine.container([image, "sh", "-c", script]);
  expect(stdout).toBe(
    "www-data\n/var/www\numoci\nseen\nls: /etc/shells: No such file or directory\n/etc/passwd\n0:644\n0:755\n",
  );
}

/** A machine whose store may be filled by the test. */
const running = (use: (machine: Machine) => Promise<void>) =>
  withMachine([], async (machine) => {
    await use(machine);
    await machine.beginAnew();
  });

describe("an image of several layers runs right", () => {
  needing(root, tool("umoci"))("from an OCI layout directory (umoci)", async () => {
    const cwd = await sharedLayout();
    await running((machine) => expectRight(machine, join(cwd, "layout")));
  });
  needing(
    root,
    tool("umoci"),
    tool("skopeo"),
  )("from an OCI archive (skopeo)", async () => {
    const cwd = await sharedLayout();
    await must(["skopeo", "--insecure-policy", "copy", "-q", "oci:layout:v1", "oci-archive:oci.tar:v2"], cwd);
    await running((machine) => expectRight(machine, join(cwd, "oci.tar")));
  });
  needing(
    root,
    tool("umoci"),
    tool("skopeo"),
  )("from a docker archive (skopeo), by the name in it", async () => {
    const cwd = await sharedLayout();
    await must(
      ["skopeo", "--insecure-policy", "copy", "-q", "oci:layout:v1", "docker-archive:docker.tar:my/app:v1"],
      cwd,
    );
    await running(async (machine) => {
      await expectRight(machine, join(cwd, "docker.tar"));
      await expectRight(machine, "my/app:v1");
      expect((await machine.run(["images"])).stdout).toMatch(/^my\/app +v1 /m);
    });
  });
  for (const compression of ["gzip", "zstd"]) {
    needing(
      root,
      tool("umoci"),
      tool("skopeo"),
    )(`from layers with ${compression} (skopeo)`, async () => {
      const cwd = await sharedLayout();
      const how = ["--dest-compress", "--dest-compress-format", compression];
      await must(["skopeo", "--insecure-policy", "copy", "-q", ...how, "oci:layout:v1", `oci:${compression}:v1`], cwd);
      await running((machine) => expectRight(machine, join(cwd, compression)));
    });
  }
  needing(
    root,
    tool("umoci"),
    tool("xz"),
    tool("zstd"),
  )("from archives compressed as a whole", async () => {
    const cwd = await sharedLayout();
    await must(["tar", "-C", "layout", "-cf", "whole.tar", "."], cwd);
    for (const [program, ending] of [
      ["gzip", "gz"],
      ["xz", "xz"],
      ["zstd", "zst"],
    ] as const) {
      await must(["sh", "-c", `${program} -c whole.tar >whole.tar.${ending}`], cwd);
      await running((machine) => expectRight(machine, join(cwd, `whole.tar.${ending}`)));
    }
  });
  needing(root, tool("buildah"))("from an archive of buildah", async () => {
    const cwd = workDirectory();
    writeFileSync(join(cwd, "policy.json"), '{"default":[{"type":"insecureAcceptAnything"}]}');
    writeFileSync(join(cwd, "note"), "by buildah\n");
    const buildah = ["buildah", "--root", join(cwd, "s"), "--runroot", join(cwd, "r"), "--storage-driver", "vfs"];
    const script = `set -e; c=$("$@" from scratch); "$@" add -q $c ${imageTar("busybox")} / >/dev/null; "$@" copy -q $c note /note >/dev/null
      "$@" config --entrypoint '["cat"]' --cmd /note $c; "$@" commit -q --signature-policy policy.json $c oci-archive:${cwd}/b.tar:b >/dev/null`;
    await must(["sh", "-c", script, "sh", ...buildah], cwd);
    await running(async (machine) => {
      expect((await machine.container([join(cwd, "b.tar")])).stdout).toBe("by buildah\n");
      expect((await machine.container([join(cwd, "b.tar"), "/etc/hosts", "/note"])).stdout).toContain("by buildah");
    });
  });
});

describe("a Debian", () => {
  /** Made once; undefined where the mirror does not answer. */
  let debian: string | undefined;
  let tried = false;
  async function debianTar(): Promise<string | undefined> {
    if (tried) return debian;
    tried = true;
    const cwd = workDirectory();
    // It mounts /proc below; a download of its that stands still ends with it.
    const apart = ["unshare", "--mount-proc", "--pid", "--fork", "--kill-child"];
    const argv = [...apart, "debootstrap", "--variant=minbase", "bookworm", "rootfs"];
    const { code } = await runProgram(argv, { cwd, env: { PATH: process.env.PATH!, HOME: cwd }, timeoutMs: 240_000 });
    if (code !== 0 || !existsSync(join(cwd, "rootfs/bin/bash"))) return undefined;
    await must(["tar", "-C", "rootfs", "--xattrs", "-cf", "debian.tar", "."], cwd);
    debian = join(cwd, "debian.tar");
    return debian;
  }
  needing(root, tool("debootstrap"))(
    "runs its own programs, with its owners, modes, links and capabilities, from a plain tar (debootstrap)",
    async () => {
      const tar = await debianTar();
      if (tar === undefined) return console.warn("skipped: debootstrap found no mirror");
      await running(async (machine) => {
        const run = (...args: string[]) => machine.container([tar, ...args], { timeoutMs: 120_000 });
        expect((await run("bash", "-c", ". /etc/os-release; echo $ID $VERSION_ID")).stdout).toBe("debian 12\n");
        const owners = "stat -c '%n %U:%G %a' /usr/bin/passwd /var/mail /etc/shadow /tmp /usr/bin/chage";
        expect((await run("sh", "-c", owners)).stdout).toBe(
          "/usr/bin/passwd root:root 4755\n/var/mail root:mail 2775\n/etc/shadow root:shadow 640\n/tmp root:root 1777\n/usr/bin/chage root:shadow 2755\n",
        );
        expect((await run("dpkg", "--audit")).code).toBe(0);
        expect(Number((await run("sh", "-c", "dpkg -l | grep -c ^ii")).stdout)).toBeGreaterThan(70);
        expect((await machine.container(["-u", "www-data", tar, "id", "-un"])).stdout).toBe("www-data\n");
        expect((await run("perl", "-e", "print 6*7")).stdout).toBe("42");
      });
    },
    600_000,
  );
});
