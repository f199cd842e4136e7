/** The device filter where cgroup v2 has all: in a virtual machine (helpers/test.ts). Elsewhere it is in test/e2e. */

import { expect } from "bun:test";
import { withMachine } from "../support/containers.ts";
import { openDevices } from "../support/devices.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

test("devices are filtered, below a cgroup of the user's and one of the container's own too, and by other rules after an update", async () => {
  await withMachine(["busybox"], async (machine) => {
    const options = ["--network", "none", "--cap-add", "SYSLOG", "-m", "64m", "--cgroup-parent", "/theirs"];
    await detached(machine, "box", forever, options);
    const seen = async () =>
      ok(await machine.run(["exec", "box", "sh", "-c", openDevices(["c 1 3", "c 1 11", "b 7 0"])])).split("\n");
    expect(await seen()).toEqual(["c 1:3 rw", "c 1:11 --", "b 7:0 --"]);
    ok(await machine.run(["update", "-m", "80m", "--device-cgroup-rule", "c 1:11 r", "box"]));
    expect(await seen()).toEqual(["c 1:3 rw", "c 1:11 r-", "b 7:0 --"]);
    ok(await machine.run(["rm", "-f", "box"]));
    // Its cgroups below have it from the one above.
    const below = "mkdir /sys/fs/cgroup/x && echo 0 >/sys/fs/cgroup/x/cgroup.procs && ";
    const mayNest = ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", "--network", "none"];
    const script = `mount -o remount,rw /sys/fs/cgroup && ${below}${openDevices(["c 1 3", "c 1 1"])}`;
    expect((await machine.sh(script, mayNest)).stdout).toBe("c 1:3 rw\nc 1:1 --\n");
    await machine.exec(["rmdir", "/sys/fs/cgroup/theirs"]);
  });
});
