import { expect, test } from "bun:test";
import { maskedPaths, readonlyPaths } from "../../src/plan/mounts.ts";
import { planSecurity } from "../../src/plan/security.ts";
import type { SecurityOptions } from "../../src/plan/security-options.ts";
import { aSpec } from "../support/plans.ts";

const plan = (options: SecurityOptions, privileged = false) => planSecurity(aSpec({ privileged }), options, undefined);

test("paths are masked and unmasked, by name and by pattern", () => {
  expect(plan({ systemPathsUnconfined: true }).linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  expect(plan({ unmask: ["ALL"], mask: ["/etc"] }).linux).toMatchObject({ maskedPaths: ["/etc"], readonlyPaths: [] });
  const { linux } = plan({ unmask: ["/proc/a*", "/proc/sys"], mask: ["/proc/kcore", "/x"] });
  const others = maskedPaths.filter((path) => !path.startsWith("/proc/a"));
  expect(linux.maskedPaths).toEqual([...others, "/x"]);
  expect(linux.readonlyPaths).toEqual(readonlyPaths.filter((path) => path !== "/proc/sys"));
});

test("a privileged container has a filter if somebody asks for one", () => {
  expect(plan({}, true).linux.seccomp).toBeUndefined();
  expect(plan({ seccomp: "builtin" }, true).linux.seccomp).toEqual({ profile: "builtin" });
  expect(plan({ seccomp: "unconfined" }).linux.seccomp).toBeUndefined();
  expect(plan({ noNewPrivileges: true }).linux.seccomp).toEqual({ profile: "builtin" });
});

test("unconfined is no profile of AppArmor's", () => {
  expect(plan({ apparmor: "unconfined" }).process.apparmorProfile).toBeUndefined();
  expect(plan({ apparmor: "mine" }).process.apparmorProfile).toBe("mine");
});
