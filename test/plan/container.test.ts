import { describe, expect, test } from "bun:test";
import { UnsupportedError } from "../../src/errors.ts";
import { planBirth } from "../../src/plan/birth.ts";
import { planClone, surelyOwnNetwork } from "../../src/plan/clone.ts";
import { noNetworkOptions } from "../../src/plan/network-options.ts";
import { documentation } from "../../src/plan/step.ts";
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

  test("init dies with its parent before it does anything else", () => {
    expect(order[0]).toBe("bind-to-parent");
  });
  test("capabilities are dropped only after the last mount, the masks and pivot_root", () => {
    after("bounding-set", "mount", "bind", "mask", "readonly-path", "device", "readonly-root", "pivot-root");
    after("capabilities", "bounding-set", "pivot-root", "ids");
  });
  test("the ids change before the program runs and while the right to change them is there", () => {
    after("ids", "bounding-set", "user");
    after("execute", "ids", "capabilities", "close-fds", "reset-signals");
    expect(order.at(-1)).toBe("execute");
  });
  test("users are resolved and the directory is entered inside the new root", () => {
    after("user", "pivot-root");
    after("workdir", "pivot-root");
  });
  test("the terminal is opened from the container's devpts, before the host's tree goes", () => {
    after("console", "mount");
    after("pivot-root", "console");
  });
  test("ready is said when only limits, ids and the program are missing", () => {
    after("ready", "pivot-root", "workdir", "user");
    after("rlimit", "ready");
  });
  test("nothing that the container mounts reaches the host", () => {
    const [made, next] = initSteps(aPlan()).slice(2);
    expect(made).toMatchObject({ do: "unshare", namespace: "NEWNS" });
    expect(next).toEqual({ do: "propagation", path: "/", propagation: "rslave" });
  });
  test("file systems are made after the namespaces that they show, /sys only with the network's", () => {
    after("prepare-mount", "unshare");
    after("mount", "prepare-mount");
    const types = (network: boolean) =>
      planBirth(network).flatMap((step) => (step.do === "prepare-mount" ? [step.type] : []));
    expect(types(true)).toEqual(["proc", "tmpfs", "devpts", "sysfs", "cgroup2", "mqueue", "tmpfs"]);
    expect(types(false)).not.toContain("sysfs");
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

  test("is unshared exactly once, at birth or, where that could not be known yet, in the setup", () => {
    expect(unshares(aPlan({}, { network: true }))).toBe(1);
    expect(unshares(aPlan({}, { network: false }))).toBe(1);
    expect(kinds(aPlan())).toContain("loopback");
  });
  test("of the host is neither unshared nor touched, and the host name stays", () => {
    const plan = aPlan({ network: { ...noNetworkOptions, mode: "host" } }, { network: false });
    expect(unshares(plan)).toBe(0);
    expect(kinds(plan)).not.toContain("loopback");
    expect(kinds(plan)).not.toContain("hostname");
  });
  test("is made at birth only if no word could ask for the host's", () => {
    expect(surelyOwnNetwork(["run", "busybox", "true"])).toBe(true);
    for (const words of [["--network", "host"], ["--network=host"], ["--net", "host"]])
      expect(surelyOwnNetwork(["run", ...words, "busybox"])).toBe(false);
    expect(planBirth(false)).not.toContainEqual(expect.objectContaining({ namespace: "NEWNET" }));
  });
});

test("without cgroup v2 the clone names no cgroup", () => {
  expect(planClone(undefined)).toEqual({ do: "clone", flags: ["NEWPID"] });
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

test("stdio is given as prepared, or a terminal in its place", () => {
  expect(kinds(aPlan())).toContain("stdio");
  expect(kinds(aPlan())).not.toContain("console");
  const plan = aPlan({ terminal: true, terminalSize: { rows: 24, columns: 80 } });
  expect(initSteps(plan)).toContainEqual({ do: "console", rows: 24, columns: 80 });
  expect(kinds(plan)).not.toContain("stdio");
});

test("the program and its environment are in the last step and nowhere before", () => {
  const plan = aPlan({ command: ["/p", "secret-word"], env: ["SECRET=1"] });
  expect(initSteps(plan).at(-1)).toMatchObject({ args: ["/p", "secret-word"] });
  expect(JSON.stringify(initSteps(plan).slice(0, -1))).not.toMatch(/secret/i);
});

describe("limits", () => {
  const release = (plan: ReturnType<typeof aPlan>) => plan.release.map((step) => step.do);

  test("are delegated and then set, at the very end", () => {
    const plan = aPlan();
    expect(release(plan)).toEqual(["delegate", "limit", "limit", "limit", "limit"]);
    expect(plan.release[0]).toEqual({
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
  test("that are defaults give one warning, which names all that are missing", () => {
    for (const lacking of [{ cgroup2: { mountPoint: "/sys/fs/cgroup/unified", controllers: ["hugetlb"] } }, {}]) {
      const { warnings, release: steps } = aPlan({}, {}, lacking);
      expect(warnings).toEqual([expect.stringMatching(/memory, cpu, pids/)]);
      expect(warnings[0]).not.toContain("\n");
      expect(steps).toEqual([]);
    }
  });
  test("that can be enforced still are when another can not", () => {
    const some = { cgroup2: { mountPoint: "/sys/fs/cgroup", controllers: ["pids"] } };
    const plan = aPlan({ pidsLimit: 7 }, { asked: new Set(["pids"] as const) }, some);
    expect(plan.release).toContainEqual(expect.objectContaining({ do: "limit", value: "7" }));
    expect(plan.warnings).toHaveLength(1);
  });
  test("of zero need no controller and give no warning", () => {
    const none = { cgroup2: { mountPoint: "/sys/fs/cgroup/unified", controllers: [] } };
    expect(aPlan({ cpus: 0, memoryBytes: 0, pidsLimit: 0 }, {}, none)).toMatchObject({ warnings: [], release: [] });
  });
});

describe("the host's side", () => {
  test("claims the id, then the name, then makes directories", () => {
    expect(aPlan().prepare.map((step) => step.do)).toEqual(["claim", "claim-name", "directories"]);
  });
  test("says with the claim all that must be cleaned up if it is killed", () => {
    expect(aPlan({}, { keep: false }).prepare[0]).toEqual({
      do: "claim",
      running: `/s/running/${id}`,
      leftovers: {
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
  for (const step of [plan.clone, ...plan.prepare, ...plan.record, ...plan.release, ...initSteps(plan)]) {
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
