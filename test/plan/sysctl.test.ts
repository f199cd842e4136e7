import { describe, expect, test } from "bun:test";
import { type NetworkOptions, noNetworkOptions } from "../../src/plan/network/options.ts";
import type { ProcessOptions } from "../../src/plan/process-options.ts";
import { planSysctls, sysctlName } from "../../src/plan/sysctl.ts";
import { checkSysctls, parseSysctl } from "../../src/plan/sysctl-option.ts";
import { refuses, strict } from "../support/parsers.ts";
import { aSpec } from "../support/plans.ts";

describe("--sysctl", () => {
  test("is a name with dots, or with slashes where a device's name has dots", () => {
    expect(parseSysctl("net.core.somaxconn=1024")).toEqual(["net/core/somaxconn", "1024"]);
    expect(parseSysctl("net/ipv4/conf/eth0.5/forwarding=1")).toEqual(["net/ipv4/conf/eth0.5/forwarding", "1"]);
    expect(parseSysctl("net.ipv4.conf.eth0/5.forwarding=1")).toEqual(["net/ipv4/conf/eth0.5/forwarding", "1"]);
    expect(parseSysctl("kernel.sem=32000 1024000000 500 32000")).toEqual(["kernel/sem", "32000 1024000000 500 32000"]);
    expect(sysctlName("net/ipv4/conf/eth0.5/forwarding")).toBe("net.ipv4.conf.eth0/5.forwarding");
  });
  test("is refused without a name or a value, and where a name would lead elsewhere", () => {
    refuses(parseSysctl, [
      "",
      "=",
      "=1",
      "net.core.somaxconn",
      "net",
      "net=1",
      "net..x=1",
      "net.ipv4.a\nb=1",
      "a.b=1\n2",
    ]);
    refuses(parseSysctl, ["net/../kernel/panic=1", "net/./x=1", "/net/core/x=1", "net/x/=1", ".net.x=1"]);
    strict(parseSysctl);
  });
});

describe("checkSysctls()", () => {
  const check = (name: string, process: ProcessOptions = {}, network: Partial<NetworkOptions> = {}) =>
    checkSysctls({ ...process, sysctls: { [name]: "1" } }, { ...noNetworkOptions, ...network });
  test("takes the settings of network and ipc namespaces", () => {
    for (const name of ["net/ipv4/ip_forward", "kernel/shmmax", "kernel/msgmnb", "kernel/sem", "fs/mqueue/msg_max"])
      expect(() => check(name)).not.toThrow();
  });
  test("refuses by name what would change the whole host", () => {
    for (const name of ["kernel/panic", "vm/swappiness", "fs/file-max", "kernel/shm", "kernel/shmmaxx", "network/x"])
      expect(() => check(name)).toThrow(`--sysctl: ${name.replaceAll("/", ".")} is not a setting of a namespace`);
    expect(() => check("kernel/hostname")).toThrow("--hostname");
  });
  test("refuses what is not the container's own, as it shares that namespace", () => {
    const shares = "cannot be combined: the setting is not the container's own";
    expect(() => check("net/ipv4/ip_forward", {}, { mode: "host" })).toThrow(
      `--sysctl: net.ipv4.ip_forward and --network host ${shares}`,
    );
    expect(() => check("net/x", {}, { mode: "container", container: "web" })).toThrow("--network container:web");
    expect(() => check("kernel/shmmax", { ipc: "host" })).toThrow(`kernel.shmmax and --ipc host ${shares}`);
    expect(() => check("fs/mqueue/msg_max", { ipc: "container:web" })).toThrow("--ipc container:web");
    expect(() => check("kernel/domainname", { uts: "host" })).toThrow("--uts host");
    expect(() => check("kernel/shmmax", { ipc: "shareable" }, { mode: "host" })).not.toThrow();
  });
});

describe("the settings of a container", () => {
  const planned = (spec: Parameters<typeof planSysctls>[0], late = false) =>
    planSysctls(spec, { late }).map((step) =>
      step.do === "sysctl" ? [step.name, step.value, step.optional ?? false] : [],
    );
  test("let its users serve every port and ping, where it has a network namespace of its own", () => {
    const usual = [
      ["net/ipv4/ip_unprivileged_port_start", "0", true],
      ["net/ipv4/ping_group_range", "0 2147483647", true],
    ];
    expect(planned(aSpec())).toEqual(usual);
    expect(planned(aSpec({ network: { ...noNetworkOptions, mode: "none", networks: [] } }))).toEqual(usual);
    expect(planned(aSpec({ network: { ...noNetworkOptions, mode: "host" } }))).toEqual([]);
  });
  test("are set when their device is there", () => {
    const spec = aSpec();
    spec.linux.sysctl = { "net/ipv4/conf/eth0/forwarding": "1", "net/ipv4/conf/all/forwarding": "0" };
    expect(planned(spec, false)).toEqual([["net/ipv4/conf/all/forwarding", "0", false]]);
    expect(planned(spec, true)).toEqual([["net/ipv4/conf/eth0/forwarding", "1", false]]);
  });
});
