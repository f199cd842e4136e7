/** What `doctor` thinks of what a container has told. */

import { describe, expect, test } from "bun:test";
import { judge } from "../../src/engine/doctor/judge.ts";
import { capabilityNames } from "../../src/oci/capabilities.ts";

const ours = [...capabilityNames];
const capabilities = "00000000a80425fb";
const status = (changes: Record<string, string> = {}) =>
  Object.entries({
    Pid: "1",
    SigBlk: "0000000000000000",
    SigIgn: "0000000000000000",
    CapInh: "0000000000000000",
    CapPrm: capabilities,
    CapEff: capabilities,
    CapBnd: capabilities,
    CapAmb: "0000000000000000",
    Seccomp: "2",
    ...changes,
  })
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join("");
const mounts = `30 20 0:5 / / rw,relatime - overlay overlay rw
31 30 0:6 / /proc rw,nosuid - proc proc rw
32 30 0:7 / /sys ro,nosuid - sysfs sysfs ro
33 31 0:6 /sys /proc/sys ro,nosuid - proc proc rw
`;
const told = (changes: { status?: Record<string, string>; cgroup?: string; mounts?: string; attempts?: string } = {}) =>
  `== /proc/self/status\n${status(changes.status)}== /proc/self/mountinfo\n${changes.mounts ?? mounts}` +
  `== /proc/self/cgroup\n${changes.cgroup ?? "0::/"}\n== attempts\n${changes.attempts ?? "mount: refused"}\n`;

/** Checks that are not ok. */
const wrong = (...changes: Parameters<typeof told>) =>
  judge(told(...changes), ours)
    .filter((finding) => finding.status !== "ok")
    .map(({ check, status, text }) => `${status} ${check}: ${text}`);

describe("what a container tells", () => {
  test("is as it should be", () => expect(wrong()).toEqual([]));
  test("is wrong with more capabilities than the profile has, or fewer", () => {
    expect(wrong({ status: { CapBnd: "000001ffffffffff" } })).toEqual([
      "fail capabilities inside: CapBnd 000001ffffffffff",
    ]);
    expect(wrong({ status: { CapAmb: "0000000000000001" } })).toEqual([
      "fail capabilities inside: CapAmb 0000000000000001",
    ]);
    expect(judge(told(), ["CAP_CHOWN"])[0]!.status).toBe("fail");
  });
  test("is wrong with signals that are ignored, another's processes or cgroup; without a filter it is less", () => {
    expect(wrong({ status: { SigIgn: "0000000000001000" } })[0]).toStartWith("fail signals inside");
    expect(wrong({ status: { Pid: "77" } })[0]).toStartWith("fail processes inside");
    expect(wrong({ cgroup: "0::/tinydocker/x" })).toEqual(["fail cgroup inside: it sees /tinydocker/x"]);
    expect(wrong({ status: { Seccomp: "0" } })[0]).toStartWith("warn seccomp inside");
  });
  test("is wrong with a mount of the host, with what is writable, and with what is allowed", () => {
    expect(wrong({ mounts: `${mounts}40 30 8:1 / /mnt rw - ext4 /dev/sda1 rw\n` })).toEqual([
      "fail mounts inside: it sees /mnt (ext4)",
    ]);
    expect(wrong({ mounts: mounts.replace("/sys ro", "/sys rw") })).toEqual(["fail mounts inside: /sys is writable"]);
    expect(wrong({ attempts: "mount a file system: allowed\nx: refused" })).toEqual([
      "fail attempts inside: it could mount a file system",
    ]);
    expect(wrong({ attempts: "" })[0]).toStartWith("fail attempts inside");
    expect(wrong({ mounts: "" })[0]).toStartWith("fail mounts inside");
  });
});
