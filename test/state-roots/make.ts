/**
 * Makes the state root of a release with its own binary, for test/e2e/state-roots.test.ts:
 * `bun test/state-roots/make.ts BINARY VERSION` leaves VERSION.tar.gz beside this file.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { architecture, configOf, dockerArchive } from "../support/images.ts";
import { Sandbox } from "../support/sandbox.ts";
import { tarOf } from "../support/tars.ts";
import { placeholder, recordsIn } from "./unpack.ts";

const [binary, version] = process.argv.slice(2);
if (binary === undefined || version === undefined) throw new Error("make.ts BINARY VERSION");

await using sandbox = await new Sandbox().open();

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sandbox.exec([binary!, ...args]);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${code}: ${stdout}${stderr}`);
  return stdout.trim();
}

/** One static program of 900 bytes is the image. */
function program(): Buffer {
  const path = join(sandbox.tmp, "tiny");
  const flags = "-static -nostdlib -Os -s -fno-stack-protector -fno-asynchronous-unwind-tables";
  const linker = "-Wl,--build-id=none,-z,norelro,-z,noseparate-code";
  const source = join(import.meta.dir, "tiny.c");
  const done = Bun.spawnSync(["gcc", ...flags.split(" "), linker, "-o", path, source]);
  if (done.exitCode !== 0) throw new Error(done.stderr.toString());
  return readFileSync(path);
}

const layer = tarOf(
  { name: "./", mode: 0o755 },
  { name: "tiny", content: program(), mode: 0o755 },
  { name: "etc/", mode: 0o755 },
  { name: "etc/passwd", content: "root:x:0:0:root:/:/tiny\nuser:x:1000:1000::/:/tiny\n", mode: 0o644 },
  { name: "etc/group", content: "root:x:0:\nuser:x:1000:\n", mode: 0o644 },
  { name: "data/", mode: 0o755 },
  { name: "data/seed", content: "of the image\n", mode: 0o644 },
);
const config = {
  architecture,
  config: {
    Entrypoint: ["/tiny"],
    Env: ["PATH=/", "FROM=image"],
    Labels: { kind: "tiny" },
    ExposedPorts: { "80/tcp": {} },
    Volumes: { "/cache": {} },
    StopSignal: "SIGTERM",
    Healthcheck: { Test: ["CMD", "/tiny"], Interval: 30e9, Retries: 3 },
  },
  history: [{ created: "2024-01-02T03:04:05Z", created_by: "a test", comment: "first" }],
};
const archive = dockerArchive({ config: configOf([layer], config), layers: [layer], tags: ["tiny:latest", "tiny:1"] });
const file = join(sandbox.tmp, "tiny.tar");
writeFileSync(file, tarOf(...archive));
mkdirSync(join(sandbox.directory, "shared"));
writeFileSync(join(sandbox.directory, "shared/file"), "of the host\n");
const shared = join(sandbox.directory, "shared");

await run("load", "-q", "-i", file);
await run("volume", "create", "--label", "kind=made", "made");
await run("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "memory");
await run("network", "create", "--ipv6", "--subnet", "10.77.0.0/24", "--label", "kind=made", "-o", "mtu=1400", "web");
await run("network", "create", "--internal", "--subnet", "10.78.0.0/24", "back");

await run("run", "--name", "ended", "-v", "made:/data", "tiny");
await run("run", "--name", "failed", "--log-driver", "json-file", "tiny", "3").catch(() => {});
await run(
  "run",
  "-d",
  "--name",
  "stopped",
  "--network",
  "web",
  "--network-alias",
  "www",
  "-p",
  "18080:80",
  "tiny",
  "wait",
);
await run("stop", "-t", "0", "stopped");
await run("run", "-d", "--name", "old", "--restart", "on-failure:2", "--init", "tiny", "wait");
await run("update", "--restart", "unless-stopped", "old");
await run("kill", "old");
await run("rename", "old", "renamed");
await run("commit", "-m", "made of ended", "--change", "LABEL made=yes", "ended", "made:1");
await run("create", "--name", "shares", "--network", "container:stopped", "tiny");
await run("create", "--name", "host", "--network", "host", "--privileged", "tiny");
await run("create", "--name", "alone", "--network", "none", "--read-only", "--log-driver", "none", "--rm", "tiny");
await run(
  ...["create", "--name", "all", "--hostname", "box", "-w", "/data", "-u", "user", "-e", "A=b", "-t"],
  ...["-c", "0", "-m", "0", "--pids-limit", "0", "--label", "x=y", "--entrypoint", "/tiny"],
  ...["-v", `${shared}:/shared:ro`, "-v", "made:/made", "-v", "/anonymous", "--tmpfs", "/t:size=1m"],
  ...["--mount", "type=volume,source=new,target=/new,volume-label=k=v", "-v", "memory:/memory"],
  ...["--restart", "on-failure:3", "--stop-signal", "USR1", "--stop-timeout", "3"],
  ...["--log-driver", "json-file", "--log-opt", "max-size=1m", "--log-opt", "max-file=2"],
  ...["--health-cmd", "/tiny", "--health-interval", "5s", "--health-retries", "2", "--health-start-period", "1s"],
  ...["--network", "web", "--ip", "10.77.0.77", "--network-alias", "one", "--mac-address", "02:00:00:00:00:77"],
  ...["-p", "127.0.0.1:18081-18082:81-82", "-p", "53/udp", "-P", "--expose", "90", "--dns", "192.0.2.1"],
  ...["--dns-search", "example.com", "--dns-option", "ndots:2", "--add-host", "other:192.0.2.2"],
  ...["--cap-add", "net_admin", "--cap-drop", "mknod", "--init", "tiny", "5"],
);
// Killed with all that looks after it: what is left of it is there for whoever comes next.
await run("run", "-d", "--name", "killed", "--network", "web", "--network-alias", "lost", "tiny", "wait");
await Bun.sleep(500);
for (const pid of sandbox.snapshot().processIds) process.kill(pid, "SIGKILL");
await Bun.sleep(500);

for (const name of readdirSync(join(sandbox.root, "staging")))
  rmSync(join(sandbox.root, "staging", name), { recursive: true });
for (const path of recordsIn(sandbox.root))
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(sandbox.directory, placeholder));
const out = join(import.meta.dir, `${version}.tar.gz`);
const words = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--sort=name", "-C", sandbox.directory];
const tar = Bun.spawnSync(["tar", ...words, "-czf", out, "root", "shared"]);
if (tar.exitCode !== 0) throw new Error(tar.stderr.toString());
