/**
 * The calls that a kubelet makes for a pod and its containers, and what comes of them: for cri.sh, which tells where.
 *
 *   bun helpers/callers/pods.ts life|limits|scopes SOCKET HANDLER DIRECTORY CGROUP
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Cri, decode, type Message, type Received } from "./cri.ts";

const [section = "", socket = "", handler = "", directory = "", parent = ""] = process.argv.slice(2);
const cri = new Cri(socket);
const image = "localhost/busybox:latest";
const logs = `${directory}/logs`;
mkdirSync(logs, { recursive: true });

const textOf = (received: Received, field: number): string => String(received.get(field)?.[0] ?? "");
const numberOf = (received: Received, field: number): number => Number(received.get(field)?.[0] ?? 0);
const show = (what: string, text: string | number = "") => console.log(`${what}:${text === "" ? "" : ` ${text}`}`);

// Networks are CNI's affair: the pod is in its node's. Its processes see those of the pod.
const pod: Message = {
  1: { 1: "pod", 2: "uid-1", 3: "default" },
  3: logs,
  8: { 1: parent, 2: { 1: { 1: 2 }, 9: {} }, 3: { 1: "kernel.shm_rmid_forced", 2: "1" } },
};

/** A container of this pod, created. @returns its id. */
async function create(sandbox: string, name: string, command: string[], config: Message = {}): Promise<string> {
  const own: Message = { 1: { 1: name }, 2: { 1: image }, 3: command, 11: `${name}.log`, ...config };
  return textOf(await cri.call("CreateContainer", { 1: sandbox, 2: own, 3: pod }), 1);
}

const states = ["created", "running", "exited", "unknown"];
/** What a kubelet sees of a container: its state, exit code and the reason of its end. */
async function status(container: string): Promise<string> {
  const answer = await cri.call("ContainerStatus", { 1: container });
  const told = decode(answer.get(1)![0] as Buffer);
  return `${states[numberOf(told, 3)]} ${numberOf(told, 7)} ${textOf(told, 10)}`.trimEnd();
}

async function until(container: string, state: string): Promise<string> {
  for (;;) {
    const now = await status(container);
    if (now.startsWith(state)) return now;
    await Bun.sleep(50);
  }
}

async function exec(container: string, ...command: string[]): Promise<string> {
  const answer = await cri.call("ExecSync", { 1: container, 2: command, 3: 60 });
  const code = numberOf(answer, 3);
  return [textOf(answer, 1), textOf(answer, 2), code === 0 ? "" : `exit ${code}\n`].join("").trimEnd();
}

/** Whether it was refused: whose words that are told in is the runtime's own affair. */
const refused = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "done",
    () => "refused",
  );

const sections: Record<string, (sandbox: string) => Promise<void>> = {
  async life(sandbox) {
    const volume = `${directory}/volume`;
    mkdirSync(volume);
    writeFileSync(`${volume}/file`, "in the volume\n");
    const look = `id; pwd; echo $A; grep -E "^(Cap(Eff|Bnd)|NoNew|Seccomp:)" /proc/self/status
      cat /v/file /proc/sys/kernel/shm_rmid_forced; touch /v/file /file; grep -o " /proc/[a-z]* ro," /proc/self/mountinfo | sort
      ls -A /proc/acpi; ps -o args | grep -c "sleep 10000[0]"; ls /dev; trap "exit 9" TERM; echo started; while :; do sleep 0.05; done`;
    const context: Message = {
      ...{ 1: { 2: ["ALL"], 1: ["NET_RAW"] }, 3: { 1: 2 }, 5: { 1: 1000 }, 7: 1, 8: [77], 11: 1, 12: { 1: 1001 } },
      ...{ 13: ["/proc/acpi"], 14: ["/proc/sys", "/proc/fs"], 15: {} },
    };
    const web = await create(sandbox, "web", ["sh", "-c", look], {
      ...{ 5: "/bin", 6: [{ 1: "A", 2: "1" }], 7: [{ 1: "/v", 2: volume, 3: 1 }] },
      15: { 2: context },
    });
    show("CreateContainer", await status(web));
    await cri.call("StartContainer", { 1: web });
    show("StartContainer", await status(web));
    show(
      "ExecSync",
      await exec(web, "sh", "-c", "echo inside; id; grep -E '^(CapEff|NoNew|Seccomp:)' /proc/self/status; exit 5"),
    );
    show(
      "ExecSync, no such program",
      await refused(cri.call("ExecSync", { 1: web, 2: ["nothing-of-that-name"], 3: 60 })),
    );
    while (!readFileSync(`${logs}/web.log`, "utf8").includes("started")) await Bun.sleep(50);
    await cri.call("StopContainer", { 1: web, 2: 60 });
    show("StopContainer", await until(web, "exited"));
    // Before each line a time, its stream, and whether it is whole. The streams come by pipes of their own: in any order.
    const lines = readFileSync(`${logs}/web.log`, "utf8").replaceAll(/^\S+ /gm, "").trimEnd().split("\n");
    show("its log");
    for (const stream of ["stdout", "stderr"]) console.log(lines.filter((line) => line.startsWith(stream)).join("\n"));
    await cri.call("RemoveContainer", { 1: web });
    const nothing = await create(sandbox, "nothing", ["nothing-of-that-name"]);
    show(
      "StartContainer, no such program",
      `${await refused(cri.call("StartContainer", { 1: nothing }))}, ${await status(nothing)}`,
    );
    await cri.call("RemoveContainer", { 1: nothing });
    const again = await create(sandbox, "again", ["sleep", "1000"]);
    await cri.call("StartContainer", { 1: again });
    await cri.call("StopContainer", { 1: again });
    show("StopContainer, at once", await until(again, "exited"));
  },

  async limits(sandbox) {
    const files =
      "cd /sys/fs/cgroup; for f in memory.max memory.swap.max cpu.max cpuset.cpus pids.max; do echo $f $(cat $f); done";
    const limited = { 15: { 1: { 1: 100_000, 2: 50_000, 4: 32 << 20, 6: "0", 10: 32 << 20 } } };
    const web = await create(sandbox, "web", ["sleep", "1000"], limited);
    await cri.call("StartContainer", { 1: web });
    show("limits");
    console.log(await exec(web, "sh", "-c", files));
    await cri.call("UpdateContainerResources", {
      1: web,
      2: { 1: 100_000, 2: 25_000, 4: 64 << 20, 6: "1", 10: 64 << 20 },
    });
    show("UpdateContainerResources");
    console.log(await exec(web, "sh", "-c", files));
    const greedy = ["dd", "if=/dev/zero", "of=/dev/null", "bs=99M", "count=1"];
    show("too much memory", await exec(web, ...greedy, "status=none"));
    await cri.call("StopContainer", { 1: web });
    show("StopContainer", await until(web, "exited"));
  },
};

/** The cgroups of containers, as systemd's scopes are in its slice. */
function showScopes(): void {
  const found = readdirSync(`/sys/fs/cgroup/${parent}`).filter((name) => name.endsWith(".scope"));
  show("scopes", found.map((name) => name.replace(/[0-9a-f]{64}/, "ID")).join(" "));
}
sections.scopes = async (sandbox) => {
  showScopes();
  await sections.limits!(sandbox);
};

const sandbox = textOf(await cri.call("RunPodSandbox", { 1: pod, 2: handler }), 1);
await sections[section]!(sandbox);
await cri.call("StopPodSandbox", { 1: sandbox });
await cri.call("RemovePodSandbox", { 1: sandbox });
show("containers left", (await cri.call("ListContainers", {})).size);
show("pods left", (await cri.call("ListPodSandbox", {})).size);
cri.close();
