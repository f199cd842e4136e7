import { expect, test } from "bun:test";
import { planContainer } from "../../src/plan/container.ts";
import { maskedPaths, readonlyPaths } from "../../src/plan/default-mounts.ts";
import { planSecurity } from "../../src/plan/security.ts";
import type { SecurityOptions } from "../../src/plan/security-options.ts";
import { aPlan, aSpec, container, host } from "../support/plans.ts";

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

test("a profile of AppArmor's that the kernel lacks is loaded before the process is made, which is held to it from execve on", () => {
  const spec = { ...aSpec(), process: { ...aSpec().process, apparmorProfile: "mine" } };
  const load = { do: "load-profile", name: "mine", text: "profile mine {}" } as const;
  const plan = planContainer(spec, container({ load }), host);
  expect(plan.build[0]).toEqual(load);
  expect(plan.setup).toContainEqual({ do: "security-label", of: "AppArmor", label: "mine" });
  expect(aPlan().setup.map((step) => step.do)).not.toContain("security-label");
});
