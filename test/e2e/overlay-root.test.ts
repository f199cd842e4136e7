/** A state root on an overlay, as inside another container: overlayfs takes no writable layer from one (V4). */

import { expect } from "bun:test";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, withMachine } from "../support/containers.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

test("containers get a copy of their image, which is said once; what they write is kept", async () => {
  await withMachine([], async (machine) => {
    const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) =>
      machine.file(`tmp/${name}/`),
    );
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    expect((await machine.exec(["mount", "-t", "overlay", "overlay", "-o", options, merged!])).code).toBe(0);
    const run = (...args: string[]) => machine.exec([binary(), "--root", join(merged!, "root"), ...args]);
    const ok = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(...args);
      expect([args.join(" "), code, stderr]).toEqual([args.join(" "), 0, stderr]);
      return { stdout, stderr };
    };
    const warning = "each container gets a copy of its image";
    await ok("load", "-q", "-i", imageTar("busybox"));
    const how = ["--network", "none", "busybox", "sh", "-c"];
    const first = await ok(
      "run",
      "--name",
      "one",
      "-v",
      "kept:/usr",
      ...how,
      "echo made >/made; rm /bin/vi; stat -c %a /bin",
    );
    expect([first.stdout, first.stderr]).toEqual(["755\n", expect.stringContaining(warning)]);
    const second = await ok("run", "--rm", ...how, "test -e /bin/vi; ls -d /made 2>&1; id -u");
    expect([second.stdout, second.stderr]).toEqual([
      expect.stringMatching(/No such file.*\n0\n$/),
      expect.not.stringContaining(warning),
    ]);
    expect((await run("diff", "one")).stderr).toContain("container one works in a copy of its image");
    await ok("cp", "one:/made", join(machine.tmp, "made"));
    await ok("commit", "one", "flat");
    expect(
      (await ok("run", "--rm", "--network", "none", "flat", "sh", "-c", "cat /made; ls /bin/vi; true")).stdout,
    ).toBe("made\n");
    await ok("start", "-a", "one");
    await ok("rm", "one");
    expect((await machine.exec(["rm", "-rf", join(merged!, "root")])).code).toBe(0);
    await machine.exec(["umount", merged!]);
    await machine.exec(["rm", "-rf", lower!, upper!, work!, merged!, join(machine.tmp, "made")]);
  });
});
