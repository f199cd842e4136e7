/** AppArmor, which the virtual machine's kernel has (helpers/test.ts): what holds for containers that nobody says a word of it for. */

import { expect } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { appArmorIsOn } from "../../src/engine/security/enabled.ts";
import { type Machine, withMachine } from "../support/containers.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root, tool } from "../support/needs.ts";

const test = needing(root, tool("apparmor_parser"), () => (appArmorIsOn() ? undefined : "AppArmor in its kernel"));

const none = ["--network", "none"];
const profileOf = (name: string) => ["--security-opt", `apparmor=${name}`];
const ask = "cat /proc/self/attr/apparmor/current";
const byDefault = "tinydocker-default (enforce)";

test("containers are held to tinydocker-default, which the first start loads, or to a profile of their own, or to none", async () => {
  await withMachine(["busybox"], async (machine) => {
    // Only here: other tests run as where nobody can see the kernel's profiles, or load one.
    ok(await machine.exec(["mount", "-t", "securityfs", "securityfs", "/sys/kernel/security"]));
    await startedByDefault(machine);
    await keptFrom(machine);
    await byTheirNames(machine);
    ok(await machine.exec(["umount", "/sys/kernel/security"]));
  });
});

/** The program, exec and health checks; and what inspect, info and doctor tell. */
async function startedByDefault(machine: Machine): Promise<void> {
  const health = ["--health-cmd", "grep -q default /proc/self/attr/apparmor/current", "--health-interval", "1h"];
  await detached(machine, "box", forever, [...none, "--init", ...health]);
  expect(ok(await machine.run(["exec", "box", "sh", "-c", `${ask}; cat /proc/2/attr/apparmor/current`]))).toBe(
    `${byDefault}\n${byDefault}`,
  );
  expect(ok(await machine.run(["exec", "--privileged", "box", "sh", "-c", ask]))).toBe("unconfined");
  expect((await machine.run(["healthcheck", "run", "box"])).code).toBe(0);
  const shown = "{{.AppArmorProfile}} {{.HostConfig.SecurityOpt}}";
  expect(ok(await machine.run(["inspect", "-f", shown, "box"]))).toBe("tinydocker-default []");
  ok(await machine.run(["rm", "-f", "box"]));
  expect(ok(await machine.run(["info", "-f", "{{.SecurityOptions}}"]))).toContain("name=apparmor");
  const { stdout } = await machine.run(["doctor", "--no-run"]);
  expect(stdout).toMatch(/^ {2}ok +AppArmor +containers are held to the profile tinydocker-default$/m);
}

/** They mount nothing, do not write to the host's part of /proc and /sys, and trace and signal nobody outside, whatever else they may. */
async function keptFrom(machine: Machine): Promise<void> {
  const words = ["systempaths=unconfined", "seccomp=unconfined"].flatMap((word) => ["--security-opt", word]);
  const may = [...none, "--cap-add", "ALL", "--pid", "host", ...words];
  const script = `
    mount -t tmpfs none /mnt 2>/dev/null || echo no mount
    for file in /proc/sys/vm/swappiness /proc/sys/kernel/domainname /proc/sysrq-trigger; do
      (: >>$file) 2>/dev/null || echo no $file; done
    (: >>/proc/sys/kernel/shm_rmid_forced) && echo shm
    readlink /proc/1/exe >/dev/null || echo no trace
    kill -0 1 2>/dev/null || echo no signal
    sleep 100 & kill $! && echo own`;
  const refused = [
    "no mount",
    "no /proc/sys/vm/swappiness",
    "no /proc/sys/kernel/domainname",
    "no /proc/sysrq-trigger",
  ];
  const lines = async (...options: string[]) => ok(await machine.sh(script, [...may, ...options])).split("\n");
  expect(await lines()).toEqual([...refused, "shm", "no trace", "no signal", "own"]);
  expect(await lines(...profileOf("unconfined"))).toEqual(["shm", "own"]);
}

async function byTheirNames(machine: Machine): Promise<void> {
  const file = `${machine.tmp}/mine`;
  writeFileSync(file, "profile mine flags=(attach_disconnected) { file, capability, deny /etc/passwd r, }\n");
  ok(await machine.exec(["apparmor_parser", "-qKr", file]));
  const script = `${ask}; cat /etc/passwd 2>/dev/null || echo refused`;
  expect(ok(await machine.sh(script, [...none, ...profileOf("mine")]))).toBe("mine (enforce)\nrefused");
  const { code, stderr } = await machine.sh("true", [...none, ...profileOf("other")]);
  expect([code, stderr]).toEqual([125, expect.stringContaining("apparmor=other: the kernel has no such profile")]);
  ok(await machine.exec(["apparmor_parser", "-R", file]));
  rmSync(file);
}
