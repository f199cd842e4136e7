/** A machine that goes down with containers in it and comes up again (F10): two virtual machines, the state root carried over. */

import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root, virtualMachine } from "../support/needs.ts";
import { runInVm } from "../support/vm.ts";

const test = needing(root, virtualMachine);

test("what ran is shown as ended, keeps its name, starts again and can be removed; what was --rm is gone (F10)", async () => {
  const share = mkdtempSync(join(tmpdir(), "tinydocker-reboot-"));
  const boot = async (script: string): Promise<string[]> => {
    const setting = `set -e; T="${binary()}"; export TINYDOCKER_ROOT=/scratch/root; cat /proc/sys/kernel/random/boot_id`;
    return ok(await runInVm(["sh", "-c", `${setting}\n${script}`], { rw: [share], memMB: 2048 })).split("\n");
  };
  try {
    const [firstBoot, ...before] = await boot(`
      $T load -q -i ${imageTar("busybox")} -t busybox >/dev/null
      $T run -d --name web busybox sh -c 'echo here >/file; echo ready; exec sleep 1000' >/dev/null
      $T run -d --name always --restart always busybox sleep 1000 >/dev/null
      $T run -d --name failing --restart always busybox false >/dev/null
      $T run -d --name frozen busybox sleep 1000 >/dev/null; $T pause frozen >/dev/null
      $T run -d --rm --name gone -v /data busybox sleep 1000 >/dev/null
      $T create --name created busybox true >/dev/null
      until $T logs web | grep -q ready && $T ps -a | grep failing | grep -q Restarting; do sleep 0.1; done
      $T ps -a -q | wc -l
      kill -STOP $(/bin/busybox pidof tinydocker) # the moment at which it goes down
      tar -C /scratch -cf ${share}/root.tar root`);
    expect(before).toEqual(["6"]);
    const [secondBoot, ...after] = await boot(`
      tar -C /scratch -xf ${share}/root.tar
      $T ps -q
      $T ps -a --format '{{.Names}} {{.State}}' | sort
      $T volume ls -q
      $T inspect -f '{{.State.ExitCode}} {{.State.Error}}' web
      $T run --name web busybox true 2>/dev/null || echo taken
      for name in web always frozen failing created; do $T start $name; done
      $T exec web cat /file
      $T logs web
      $T ps --format '{{.Names}}' | grep -v failing | sort
      $T rm -f web always frozen failing created >/dev/null
      cd /scratch/root; find containers names running volumes staging trash -mindepth 1 2>/dev/null || true; ls -d /sys/fs/cgroup/tinydocker 2>&1 | grep -c 'No such'`);
    expect(secondBoot).not.toBe(firstBoot);
    const lists = ["always exited", "created created", "failing exited", "frozen exited", "web exited"];
    const end = "255 its monitor was killed: its end was not seen";
    const started = ["web", "always", "frozen", "failing", "created"];
    expect(after).toEqual([
      ...lists,
      end,
      "taken",
      ...started,
      "here",
      "ready",
      "ready",
      "always",
      "frozen",
      "web",
      "1",
    ]);
  } finally {
    rmSync(share, { recursive: true });
  }
}, 200_000);
