/** `--security-opt landlock=FILE`: what no rule allows is refused to the program, to exec and to whoever they are. */

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { landlockVersion } from "../../src/linux/bpf/landlock.ts";
import { withMachine } from "../support/containers.ts";
import { detached, forever, ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const hasPorts = () => ((landlockVersion() ?? 0) >= 4 ? undefined : "a kernel with version 4 of Landlock's ABI");

function fileOf(more: object = {}): string[] {
  const path = join(temporaryDirectory(), "landlock.json");
  const rules = {
    handledAccessFs: ["read_file", "write_file", "read_dir", "make_reg"],
    handledAccessNet: ["bind_tcp"],
    pathBeneath: [
      { paths: ["/etc", "/bin", "/proc"], allowedAccess: ["read_file", "read_dir"] },
      { paths: ["/tmp", "/dev"], allowedAccess: ["read_file", "write_file", "make_reg"] },
    ],
    netPort: [{ ports: [80], allowedAccess: ["bind_tcp"] }],
    ...more,
  };
  writeFileSync(path, JSON.stringify(rules));
  return ["--security-opt", `landlock=${path}`];
}

/** Each line is what may be done. */
const script = `
  cat /etc/passwd >/dev/null && echo read; ls / 2>/dev/null && echo list
  echo x >/tmp/$$ && echo make; (echo x >/etc/$$) 2>/dev/null && echo change
  nc -l -p 81 2>&1 | grep -q 'Permission denied' && echo no port
  exit 0`;
const allowed = "read\nmake\nno port";

needing(root, hasPorts)(
  "files and ports are what the rules allow, for the program, a small init, exec and every user",
  async () => {
    await withMachine(["busybox"], async (machine) => {
      const rules = fileOf();
      const none = ["--network", "none"];
      expect(ok(await machine.sh(script, [...none, ...rules]))).toBe(allowed);
      const noGain = ["-u", "7", "--security-opt", "no-new-privileges"];
      expect(ok(await machine.sh(script, [...none, ...rules, ...noGain]))).toBe(allowed);
      const check = ["--health-cmd", "cat /etc/passwd && ! ls /", "--health-interval", "1h"];
      await detached(machine, "box", forever, [...none, ...rules, "--init", ...check]);
      expect(ok(await machine.run(["exec", "-u", "7", "box", "sh", "-c", script]))).toBe(allowed);
      expect((await machine.run(["healthcheck", "run", "box"])).code).toBe(0);
      const shown = ok(await machine.run(["inspect", "-f", "{{.HostConfig.SecurityOpt}}", "box"]));
      expect(shown).toStartWith('[landlock={"handledAccessFs"');
      ok(await machine.run(["rm", "-f", "box"]));
      expect(ok(await machine.run(["explain", "run", ...rules, "busybox", "true"]))).toMatch(/^ +\d+\. landlock$/m);
    });
  },
);

needing(root, hasPorts)("rules that cannot be are refused by name, and nothing is left", async () => {
  await withMachine(["busybox"], async (machine) => {
    const refused = async (more: object) => {
      const { code, stderr } = await machine.sh("true", fileOf(more));
      return [code, stderr] as const;
    };
    expect(await refused({ path: [] })).toEqual([125, expect.stringContaining("landlock.json: path is not known")]);
    const nowhere = [{ paths: ["/nowhere"], allowedAccess: ["read_file"] }];
    expect(await refused({ pathBeneath: nowhere })).toEqual([125, expect.stringContaining("/nowhere: ENOENT")]);
    const onFile = [{ paths: ["/etc/passwd"], allowedAccess: ["read_dir"] }];
    expect(await refused({ pathBeneath: onFile })).toEqual([125, expect.stringContaining("/etc/passwd: EINVAL")]);
    expect((await machine.sh("true", fileOf({ pathBeneath: [] }))).code).toBe(126);
  });
});
