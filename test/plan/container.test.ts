import { describe, expect, test } from "bun:test";
import { UnsupportedError } from "../../src/errors.ts";
import { documentation } from "../../src/plan/documentation.ts";
import { noNetworkOptions } from "../../src/plan/network/options.ts";
import { defaultLimits, rootfsDefaults } from "../../src/plan/options.ts";
import { aPlan, aSpec, host, id, initSteps, kinds } from "../support/plans.ts";

const bind = { destination: "/d", source: "/s", type: "bind" };

describe("the order of init's steps", () => {
  const order = kinds(aPlan({ terminal: true, readOnly: true, mounts: [bind] }));
  const after = (later: (typeof order)[number], ...earlier: typeof order) => {
    for (const kind of earlier) {
      expect(order).toContain(kind);
      expect(order.indexOf(later)).toBeGreaterThan(order.lastIndexOf(kind));
    }
  };

  test("init gives up what it has inherited, and is bound to its parent, before it does anything else", () => {
    expect(order.slice(0, 3)).toEqual(["own-memory", "close-inherited", "bind-to-parent"]);
  });
  test("the binary is out of reach, and the caller's attributes and keys are gone, before anything of the container is touched", () => {
    for (const kind of ["exe-file", "reset-attributes", "session-keyring"] as const) after("attach-root", kind);
  });
  test("capabilities are dropped only after the last mount, the masks and pivot_root", () => {
    after("bounding-set", "mount", "attach", "mask", "readonly-path", "device", "readonly-root", "pivot-root");
    after("capabilities", "bounding-set", "pivot-root", "ids");
  });
  test("the ids change before the program runs and while the right to change them is there", () => {
    after("ids", "bounding-set");
    after("execute", "ids", "capabilities", "close-fds", "reset-signals");
    expect(order.at(-1)).toBe("execute");
  });
  test("the directory is entered inside the new root", () => {
    after("workdir", "pivot-root");
  });
  test("the terminal is opened from the container's devpts, before the host's tree goes", () => {
    after("console", "mount");
    after("pivot-root", "console");
  });
  test("ready is said when only limits, ids and the program are missing", () => {
    after("ready", "pivot-root", "workdir");
    after("rlimit", "ready");
  });
  test("nothing that the container mounts reaches the host", () => {
    after("propagation", "unshare");
    after("attach-root", "propagation");
  });
  test("file systems are made after the namespaces that they show", () => {
    after("mount", "unshare");
  });
  test("a session of its own comes before the terminal", () => {
    after("console", "session");
  });
});

test("every namespace is its own, and the cgroup namespace is made inside the container's cgroup", () => {
  const plan = aPlan();
  expect(plan.clone).toEqual({ do: "clone", flags: ["NEWPID"], cgroup: `/sys/fs/cgroup/tinydocker/${id}` });
  const unshared = initSteps(plan).flatMap((step) => (step.do === "unshare" ? [step.namespace] : []));
  expect(unshared.sort()).toEqual(["NEWCGROUP", "NEWIPC", "NEWNET", "NEWNS", "NEWUTS"]);
});

describe("the network", () => {
  const unshares = (plan: ReturnType<typeof aPlan>) =>
    initSteps(plan).filter((step) => step.do === "unshare" && step.namespace === "NEWNET").length;

  test("is unshared once, before the mounts, so that the host's side can connect it meanwhile", () => {
    expect(unshares(aPlan())).toBe(1);
    const order = kinds(aPlan());
    expect(order.indexOf("send-network")).toBeLessThan(order.indexOf("propagation"));
    expect(order).toContain("loopback");
  });
  test("of the host is neither unshared nor touched", () => {
    const plan = aPlan({ network: { ...noNetworkOptions, mode: "host" } });
    expect(unshares(plan)).toBe(0);
    expect(kinds(plan)).not.toContain("loopback");
  });
});

test("without cgroup v2 the clone names no cgroup", () => {
  const plan = aPlan({ cpus: 0, memoryBytes: 0, pidsLimit: 0 }, {}, {});
  expect(plan.clone).toEqual({ do: "clone", flags: ["NEWPID"] });
  expect(plan.build.map((step) => step.do)).not.toContain("cgroup");
});

describe("--init", () => {
  test("reaps in place of executing, and keeps its signals blocked", () => {
    const order = kinds(aPlan({}, { reap: true }));
    expect(order.at(-1)).toBe("reap");
    expect(order).not.toContain("execute");
    expect(order).not.toContain("reset-signals");
  });
  test("changes nothing else", () => {
    const others = (plan: ReturnType<typeof aPlan>) =>
      kinds(plan).filter((kind) => !["execute", "reap", "reset-signals"].includes(kind));
    expect(others(aPlan({}, { reap: true }))).toEqual(others(aPlan()));
  });
});

test("stdio is of pipes, or of a terminal that was opened before", () => {
  expect(initSteps(aPlan())).toContainEqual({ do: "stdio", stdio: ["pipe", "pipe", "pipe"] });
  expect(kinds(aPlan())).not.toContain("console");
  const plan = aPlan({ terminal: true, terminalSize: { rows: 24, columns: 80 } });
  expect(initSteps(plan)).toContainEqual({ do: "console", rows: 24, columns: 80 });
  const order = kinds(plan);
  expect(order.indexOf("stdio")).toBeGreaterThan(order.indexOf("console"));
});

test("the program and its environment are in the last step and nowhere before", () => {
  const plan = aPlan({ command: ["/p", "secret-word"], env: ["SECRET=1"] });
  expect(initSteps(plan).at(-1)).toMatchObject({ args: ["/p", "secret-word"] });
  expect(JSON.stringify(initSteps(plan).slice(0, -1))).not.toMatch(/secret/i);
});

describe("limits", () => {
  const release = (plan: ReturnType<typeof aPlan>) => plan.release.filter((step) => step.do !== "attach-device-filter");

  const assumed = rootfsDefaults.limits;
  test("are delegated and then set, at the very end", () => {
    const plan = aPlan({ assumed });
    expect(release(plan).map((step) => step.do)).toEqual(["delegate", "limit", "limit", "limit", "limit"]);
    expect(release(plan)[0]).toEqual({
      do: "delegate",
      cgroup: `/sys/fs/cgroup/tinydocker/${id}`,
      controllers: ["cpu", "memory", "pids"],
    });
    expect(plan.warnings).toEqual([]);
  });
  test("that the user asked for and this host cannot enforce are refused by the name of the controller", () => {
    const hybrid = { cgroup2: { mountPoint: "/sys/fs/cgroup/unified", controllers: [] } };
    const given = { cpu: { cpus: 1 }, memory: { memoryBytes: 64 << 20 }, pids: { pidsLimit: 9 } } as const;
    for (const [controller, option] of Object.entries(given)) {
      const asked = new Set([controller as keyof typeof given]);
      for (const lacking of [hybrid, {}]) {
        expect(() => aPlan(option, { asked }, lacking)).toThrow(UnsupportedError);
        expect(() => aPlan(option, { asked }, lacking)).toThrow(new RegExp(`\\b${controller}\\b`));
      }
    }
  });
  test("that nobody asked for give one warning, which names all that are missing", () => {
    for (const lacking of [{ cgroup2: { mountPoint: "/sys/fs/cgroup/unified", controllers: ["hugetlb"] } }, {}]) {
      const plan = aPlan({ assumed }, {}, lacking);
      const about = plan.warnings.filter((text) => !text.includes("devices"));
      expect(about).toEqual([expect.stringMatching(/memory, cpu, pids/)]);
      expect(about[0]).not.toContain("\n");
      expect(release(plan)).toEqual([]);
    }
  });
  test("that can be enforced still are when another can not", () => {
    const some = { cgroup2: { mountPoint: "/sys/fs/cgroup", controllers: ["pids"] } };
    const plan = aPlan({ assumed, pidsLimit: 7 }, { asked: new Set(["pids"] as const) }, some);
    expect(plan.release).toContainEqual(expect.objectContaining({ do: "limit", value: "7" }));
    expect(plan.warnings).toHaveLength(1);
  });
  test("of processes that nobody asked for are set where they can be, without a word where not", () => {
    const plan = aPlan({ assumed: defaultLimits });
    expect(plan.release).toContainEqual(expect.objectContaining({ do: "limit", value: "2048" }));
    expect(aPlan({ assumed: defaultLimits }, {}, {}).warnings.join()).not.toContain("pids");
  });
  test("of zero need no controller and give no warning", () => {
    const none = { cgroup2: { mountPoint: "/sys/fs/cgroup/unified", controllers: [] } };
    const plan = aPlan({ assumed, cpus: 0, memoryBytes: 0, pidsLimit: 0 }, {}, none);
    expect([plan.warnings, release(plan)]).toEqual([[], []]);
  });
});

describe("the host's side", () => {
  test("locks the id, then takes the name, then makes directories", () => {
    expect(aPlan().prepare.map((step) => step.do)).toEqual(["lock-file", "take-name", "directories"]);
  });
  test("makes all that needs thinking before the clone: the cgroup, the root, users, binds", () => {
    expect(aPlan({ mounts: [bind] }).build.map((step) => step.do)).toEqual([
      "cgroup",
      "device-filter",
      "overlay",
      "user",
      "bind",
    ]);
  });
  test("writes into the lock file all that must be cleaned up if it is killed", () => {
    expect(aPlan({}, { keep: false }).prepare[0]).toEqual({
      do: "lock-file",
      running: `/s/running/${id}`,
      cleanup: {
        id,
        namePath: "/s/names/box",
        directory: "/s/c",
        keep: false,
        outlives: false,
        cgroup: `/sys/fs/cgroup/tinydocker/${id}`,
      },
    });
  });
  test("keeps its directory to itself", () => {
    const step = aPlan().prepare.find((each) => each.do === "directories");
    expect(step).toMatchObject({ directories: [{ path: "/s/c", mode: 0o700 }, { path: "/s/c/upper" }] });
  });
  test("writes the spec as config.json, while init is busy", () => {
    const step = aPlan({ command: ["x"] }).record.find((each) => each.do === "write-file");
    expect(JSON.parse(step!.text)).toEqual(JSON.parse(JSON.stringify(aSpec({ command: ["x"] }))));
  });
});

test("every step of a plan has a man page and a reason", () => {
  const plan = aPlan({ terminal: true, readOnly: true, mounts: [bind] }, { reap: true });
  for (const step of [
    plan.clone,
    ...plan.prepare,
    ...plan.build,
    ...plan.record,
    ...plan.release,
    ...initSteps(plan),
  ]) {
    expect(documentation[step.do].man).toMatch(/^\w+\(\d\)$/);
    expect(documentation[step.do].why.length).toBeGreaterThan(10);
  }
});

test("a plan is data: it survives JSON", () => {
  const plan = aPlan({ terminal: true, mounts: [bind] });
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

test("planning twice gives the same plan", () => {
  expect(aPlan({ mounts: [bind] }, {}, host)).toEqual(aPlan({ mounts: [bind] }, {}, host));
});
