/**
 * Engines that call our OCI runtime, and what they limit: the kernel's own files, what the engines say of memory that was too
 * little, and the scopes of systemd are as with runc (helpers/callers). In a virtual machine with cgroup v2 (helpers/test.ts).
 */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import type { Caller } from "../../helpers/callers/scripts.ts";
import { caller, expectAsWithRunc } from "../support/callers.ts";
import { runProgram } from "../support/cli.ts";
import { needing, root } from "../support/needs.ts";
import { Systemd, systemdHere } from "../support/systemd.ts";

const cgroup2 = () => (existsSync("/sys/fs/cgroup/cgroup.controllers") ? undefined : "cgroup v2");
const options = { env: { ...process.env, HOME: homedir() } as Record<string, string>, timeoutMs: 230_000 };

const limitedAsWithRunc = (name: Caller): Promise<void> =>
  expectAsWithRunc({ name, sections: ["limits"], perform: (argv) => runProgram(argv, options) });

needing(
  root,
  cgroup2,
  caller("docker"),
)(
  "docker's limits are in the cgroup as by runc, also after docker update; it has its figures, and is told of memory that was too little",
  () => limitedAsWithRunc("docker"),
);

needing(
  root,
  cgroup2,
  caller("containerd"),
)(
  "ctr's limits are in the cgroup as by runc; it has its figures, freezes it, and is told of memory that was too little",
  () => limitedAsWithRunc("containerd"),
);

needing(
  root,
  systemdHere,
  caller("podman"),
)(
  "podman's containers are in the scopes that it names, as by runc, with their limits there and in the cgroup, and no scope is left",
  async () => {
    await using systemd = await Systemd.start();
    const perform = (argv: string[]) => runProgram(systemd.command(argv, process.cwd()), options);
    await expectAsWithRunc({ name: "podman", sections: ["scopes"], bySystemd: true, perform });
  },
);
