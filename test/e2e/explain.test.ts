/** `explain`: the plan of a run or of a bundle, which is what is then done. */

import { describe, expect } from "bun:test";
import { namespaces, withBundle } from "../support/bundle.ts";
import { imageTar, type Machine, withMachine } from "../support/containers.ts";
import { ok } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";
import { sandbox } from "../support/sandbox.ts";

const test = needing(root);

describe("explain", () => {
  interface Explained {
    warnings: string[];
    phases: {
      phase: string;
      by: string;
      steps: ({ do: string; man: string; why: string } & Record<string, unknown>)[];
    }[];
  }
  const explain = async (machine: Machine, ...args: string[]): Promise<Explained> =>
    JSON.parse((await machine.run(["explain", "--json", "run", ...args])).stdout);

  test("prints every step in order with its man page and reason, and does nothing", async () => {
    await withMachine(["probe"], async (machine) => {
      const { code, stdout, stderr } = await machine.run([
        "explain",
        "run",
        "-u",
        "probe",
        "probe",
        "/bin/probe",
        "caps",
      ]);
      expect([code, stderr]).toEqual([0, ""]);
      const steps = [...stdout.matchAll(/^ +(\d+)\. (\S+)/gm)];
      expect(steps.map(([, number]) => Number(number))).toEqual(steps.map((_, index) => index + 1));
      expect(stdout.match(/^ {6}\w+\(\d\): /gm)!.length).toBe(steps.length);
      expect(steps.at(-1)![2]).toBe("execute");
    });
  });
  test("needs no root, no store, and no loaded image", async () => {
    await using box = await sandbox();
    const before = box.snapshot();
    const result = await box.run(["explain", "run", "-m", "64", imageTar("probe"), "/bin/probe"]);
    expect(result.stdout + result.stderr).not.toContain("internal error");
    const plain = await box.run(["explain", "run", imageTar("probe"), "/bin/probe"]);
    expect(plain.code).toBe(0);
    expect(plain.stdout).toContain("pivot-root");
    await box.expectNothingLeft(before);
  });
  test("is the plan that run performs: what a container has of mounts, devices and capabilities is what it says", async () => {
    await withMachine(
      ["probe"],
      async (machine) => {
        const options = ["--tmpfs", "/t", "-v", "./data:/d:ro", "--cap-drop", "mknod", "--read-only"];
        const { phases } = await explain(machine, ...options, "probe", "/bin/probe", "mounts");
        const steps = phases.flatMap((phase) => phase.steps);
        const planned = steps.flatMap((step) =>
          step.do === "mount" || step.do === "bind" ? [step.target as string] : [],
        );
        const points = (await machine.ask<string[]>(options, "mounts")).map((line) => line.split(" ")[4]!);
        for (const target of planned) expect(points).toContain(target);
        const kept = steps.find((step) => step.do === "bounding-set")!.keep as string[];
        expect(kept).not.toContain("CAP_MKNOD");
        expect(kept).toHaveLength(13);
        expect(phases.map(({ phase, by }) => `${by} ${phase}`)).toEqual([
          "host reserve",
          "host prepare",
          "host build",
          "host clone",
          "init set up",
          "host record",
          "host connect",
          "host release",
          "init start",
        ]);
      },
      async (machine) => void machine.file("data/"),
    );
  });
  test("checks options as run does", async () => {
    await using box = await sandbox();
    const result = await box.run(["explain", "run", "--memry", "5", "x"]);
    expect(result.stderr).toContain("did you mean --memory?");
    expect(result.code).not.toBe(0);
    expect((await box.run(["explain", "rm", "x"])).stderr).toContain("explain supports run and pull");
  });
  test("of a container with a user namespace has the way into it, whose ids it has, and what is idmapped", async () => {
    await withMachine(["busybox"], async (machine) => {
      const env = { SUDO_UID: "1234", SUDO_GID: "1235" };
      const options = ["--userns", "auto", "--network", "none", "-v", `${machine.tmp}:/w`, "-v", "data:/d", "busybox"];
      const explained = async (...words: string[]) =>
        ok(await machine.run(["explain", ...words, "run", ...options], { env }));
      const text = await explained("--full");
      expect(text).toContain('user-namespace users=["0-65535 as 2013265920-2013331455"]');
      expect(text.match(/owners=as on the disk.*\(idmapped\)/g)).toEqual([
        "owners=as on the disk (idmapped)",
        "owners=as on the disk, but 1234:1235 as root, unless it runs as that user (idmapped)",
        "owners=as on the disk (idmapped)",
      ]);
      const { phases } = JSON.parse(await explained("--json", "--full")) as Explained;
      const steps = (phase: string) => phases.find((one) => one.phase === phase)!.steps;
      expect(steps("enter").map((step) => step.do)).toEqual([
        ...["own-memory", "close-inherited", "bind-to-parent", "exe-file", "reset-attributes"],
        ...["enter-user-namespace", "namespace-root", "clone-sibling"],
      ]);
      // Both processes run one program, whose records are numbered through.
      const calls = [...steps("enter"), ...steps("set up"), ...steps("start")].flatMap(
        (step) => step.calls as string[],
      );
      const numbers = calls.flatMap((line) => /^ *(\d+) {2}/.exec(line)?.[1] ?? []).map(Number);
      expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
      expect(steps("enter").at(-1)!.calls).toContainEqual(expect.stringContaining("CLONE_PARENT"));
      expect(steps("clone")[0]!.calls).not.toContainEqual(expect.stringContaining("CLONE_NEWPID"));
    });
  });
  test("of a bundle is what the OCI runtime does with it, and what is wrong with it", async () => {
    await withBundle(async (machine) => {
      const mappings = [{ containerID: 0, hostID: 100_000, size: 10 }];
      const linux = { namespaces: namespaces("mount", "pid", "user"), uidMappings: mappings, gidMappings: mappings };
      machine.configure({ linux, hostname: undefined });
      const explained = (...words: string[]) => machine.run(["explain", ...words, "--bundle", machine.bundle]);
      const text = ok(await explained());
      expect(text).toContain(`Plan of the bundle ${machine.bundle}. Nothing is done.`);
      expect(text).toContain('users=["0-9 as 100000-100009"]');
      const { phases } = JSON.parse(ok(await explained("--json", "--full"))) as Explained;
      expect(phases.flatMap(({ steps }) => steps).at(-1)).toMatchObject({ do: "execute", args: ["true"] });
      machine.configure({ process: { rlimits: [{ type: "RLIMIT_FLOPPY", soft: 1, hard: 1 }] } });
      expect((await explained()).stderr).toContain("process.rlimits[0].type");
      expect((await explained("run")).stderr).toContain("--bundle");
      expect((await machine.run(["explain", "--bundle", machine.bundle, "run", "x"])).stderr).toContain(
        "explained alone",
      );
      expect((await machine.run(["explain"])).stderr).toContain("there is nothing to explain");
    });
  });
});
