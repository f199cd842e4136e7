/**
 * Engines that call our OCI runtime in place of runc: docker, containerd, buildah and podman. The scripts of helpers/callers show
 * what their users see, and helpers/callers/*.txt what they see with runc: with ours it must be the same, word by word.
 */

import { expect } from "bun:test";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { has } from "../../helpers/process.ts";
import { binary } from "../support/cli.ts";
import { imageTar } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";
import { Sandbox } from "../support/sandbox.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = join(import.meta.dir, "../../helpers/callers");
const unpacked = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tinydocker-callers/usr");

const caller =
  (...programs: string[]) =>
  (): string | undefined => {
    const missing = programs.find(
      (name) => !has(name) && !["bin", "sbin"].some((at) => existsSync(join(unpacked, at, name))),
    );
    return missing && `${missing} (helpers/setup callers)`;
  };

/** What a script shows, section by section. */
const sectionsOf = (text: string): Map<string, string> =>
  new Map(
    text
      .split(/^== /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1).trimEnd()]),
  );

/** What a script shows of these sections with a runtime. */
async function show(
  name: string,
  runtime: string,
  sections: string[],
): Promise<[shown: Map<string, string>, stderr: string]> {
  await using sandbox = await new Sandbox().open();
  const { stdout, stderr, code } = await sandbox.exec([join(directory, `${name}.sh`), runtime, ...sections], {
    env: { HOME: homedir() },
    timeoutMs: 170_000,
  });
  expect([code, stderr]).toEqual([0, stderr]);
  return [sectionsOf(stdout), stderr];
}

/** Written down with the engines of Debian 12; others, which may have other words, are asked. */
const withRunc = async (name: string, sections: string[]): Promise<Map<string, string>> =>
  /^VERSION_CODENAME=bookworm$/m.test(readFileSync("/etc/os-release", "utf8"))
    ? sectionsOf(readFileSync(join(directory, `${name}.txt`), "utf8"))
    : (await show(name, "runc", sections))[0];

async function expectAsWithRunc(name: string, ...sections: string[]): Promise<void> {
  imageTar("busybox");
  const link = join(temporaryDirectory(), "tinydocker-runtime");
  symlinkSync(binary(), link);
  const [shown, stderr] = await show(name, link, sections);
  const expected = await withRunc(name, sections);
  for (const section of sections)
    expect([section, shown.get(section), stderr]).toEqual([section, expected.get(section), stderr]);
}

needing(root, caller("dockerd", "docker", "containerd", "containerd-shim-runc-v2"))(
  "docker runs, enters, pauses, restarts, stops and kills containers by it as by runc, which see the same around them",
  () => expectAsWithRunc("docker", "output", "surroundings", "life", "terminals"),
);

needing(root, caller("ctr", "containerd", "containerd-shim-runc-v2"))(
  "containerd's ctr runs, enters, pauses and kills containers by it as by runc, which see the same around them",
  () => expectAsWithRunc("containerd", "output", "surroundings", "life", "terminals"),
);

needing(root, caller("buildah"))("buildah builds an image by it, and runs commands, as by runc", () =>
  expectAsWithRunc("buildah", "build"),
);

needing(root, caller("podman", "conmon"))(
  "podman's containers see the same around them as by runc, have terminals, and are checked, committed and restarted",
  () => expectAsWithRunc("podman", "surroundings", "terminals", "engine_things"),
);
