/** `npm run demo`: builds tinydocker and a busybox image, runs containers from it, and shows what is isolated. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { build, hostTarget } from "./build.ts";
import { buildImage } from "./images.ts";
import { run } from "./process.ts";

const repository = join(import.meta.dir, "..");
const binary = join(repository, "dist/tinydocker");
// Images and containers of the demo are kept here, and go with it.
const root = mkdtempSync(join(tmpdir(), "tinydocker-demo-"));

/** What is shown: a heading, what the same question gets on the host, and the container's command. */
const scenes: { title: string; host?: string; options?: string[]; command: string; exitCode?: number }[] = [
  { title: "A program in a container", command: "echo hello from busybox; cat /etc/passwd | head -2" },
  { title: "Its own host name", host: hostname(), options: ["--hostname", "tiny"], command: "hostname" },
  { title: "Its own processes: it is number 1", host: `we are ${process.pid}`, command: "ps" },
  {
    title: "Its own root file system",
    host: "ls / shows the host's",
    command: "ls -l / && touch /only-here && ls /only-here",
  },
  { title: "... which the next container does not share", command: "ls /only-here 2>&1; true" },
  { title: "Its own mounts, the kernel's settings read-only", command: "mount | cut -c1-100" },
  { title: "Its own network: an address behind the host's, and a way out", command: "ip addr show eth0; ip route" },
  { title: "... or loopback and nothing else", options: ["--network", "none"], command: "ip addr" },
  limits()
    ? {
        title: "Its own cgroup, with limits",
        options: ["-m", "64m", "--pids-limit", "100"],
        command: "cat /proc/self/cgroup; cd /sys/fs/cgroup; grep . memory.max pids.max cpu.max",
      }
    : {
        title: "Its own cgroup (this machine keeps the controllers in cgroup v1: no limits here)",
        command: "tail -1 /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs",
      },
  {
    title: "Fewer privileges than root outside",
    command: "grep CapEff /proc/self/status; date -s 2020-01-01; true",
  },
  { title: "A command's exit code is ours", command: "exit 42", exitCode: 42 },
];

/** Whether cgroup v2 can limit anything on this machine. */
function limits(): boolean {
  const controllers = "/sys/fs/cgroup/cgroup.controllers";
  return existsSync(controllers) && readFileSync(controllers, "utf8").includes("memory");
}

function heading(text: string): void {
  console.log(`\n== ${text}`);
}

/** tinydocker, with the store of the demo. @returns how it ended. */
function tinydocker(...args: string[]) {
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "--preserve-env=TINYDOCKER_ROOT"];
  return Bun.spawnSync([...sudo, binary, ...args], {
    cwd: repository,
    env: { ...process.env, TINYDOCKER_ROOT: root },
    stdio: ["inherit", "inherit", "inherit"],
  });
}

/** Bridge, firewall rules and the kernel's settings go before the store, which knows what they were. */
function clean(): void {
  tinydocker("network", "prune", "--force");
  if (process.getuid?.() === 0) rmSync(root, { recursive: true, force: true });
  else run("sudo", ["rm", "-rf", root]);
}

function show(scene: (typeof scenes)[number], image: string): void {
  heading(scene.title);
  if (scene.host) console.log(`   (on the host: ${scene.host})`);
  const args = ["run", "--rm", ...(scene.options ?? []), image, "--", "sh", "-c", scene.command];
  const words = args.map((word) => (/^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`));
  console.log(`$ sudo ./dist/tinydocker ${words.join(" ")}`);
  const { exitCode, signalCode } = tinydocker(...args);
  if (scene.exitCode !== undefined) console.log(`exit code ${exitCode}`);
  if (exitCode !== (scene.exitCode ?? 0)) throw new Error(`the container ended with ${signalCode ?? exitCode}`);
}

// Ctrl-C ends the container too, which then ends with another code than its scene expects.
process.on("SIGINT", () => {});
try {
  heading("Building dist/tinydocker: one file, nothing to install");
  await build(hostTarget(), binary);
  heading("Making images/busybox.tar from Debian's busybox-static");
  const image = relative(repository, await buildImage("busybox"));
  for (const scene of scenes) show(scene, image);
  heading("That was it. Try a shell of your own:");
  console.log(`$ sudo ./dist/tinydocker run ${image} -- sh`);
} finally {
  clean();
}
