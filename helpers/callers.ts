/**
 * Engines that call an OCI runtime, with ours and with runc: what their users see with ours, and what is different.
 *
 *     npm run callers [-- [--vm] [NAME...]]     all of docker, containerd, cri, podman and buildah, or these
 *
 * With --vm what is limited, and scopes of systemd, in virtual machines, which takes ten to twenty minutes. Needs root, and what
 * `helpers/setup test` installs; nothing of the machine is touched. Exits with 1 where something is different.
 */

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runProgram } from "../test/support/cli.ts";
import { Systemd } from "../test/support/systemd.ts";
import { type Caller, callerCommand, callers, missingForCaller } from "./callers/scripts.ts";
import { missingForVm, vm } from "./vm.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { vm: { type: "boolean", default: false }, inside: { type: "boolean", default: false } },
});
const repository = join(import.meta.dir, "..");
const names = Object.keys(callers) as Caller[];
const chosen = names.filter((name) => positionals.length === 0 || positionals.includes(name));
const unknown = positionals.find((word) => !(names as string[]).includes(word));
if (unknown !== undefined) throw new Error(`no caller is called ${unknown}: there are ${names.join(", ")}`);

/** In the machine: the sections that need it, and whether systemd makes the cgroups. */
const inMachine: { name: Caller; sections: string[]; bySystemd?: true }[] = [
  { name: "docker", sections: ["limits"] },
  { name: "containerd", sections: ["limits"] },
  { name: "cri", sections: ["limits"] },
  { name: "podman", sections: ["limits"] },
  { name: "docker", sections: ["scopes"], bySystemd: true },
  { name: "podman", sections: ["scopes"], bySystemd: true },
  { name: "cri", sections: ["scopes"], bySystemd: true },
];

const directory = mkdtempSync(join(tmpdir(), "callers-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
const ours = join(directory, "tinydocker-runtime");
symlinkSync(join(repository, "dist/tinydocker"), ours);

async function compare(name: Caller, sections: string[], systemd?: Systemd): Promise<boolean> {
  const started = performance.now();
  const missing = missingForCaller(name);
  if (missing) {
    console.log(`\n${name}: this machine lacks ${missing}`);
    return true;
  }
  const files: string[] = [];
  for (const runtime of [ours, "runc"]) {
    const argv = callerCommand(name, runtime, sections, systemd !== undefined);
    const { code, stdout, stderr } = await runProgram(systemd?.command(argv, repository) ?? argv, {
      timeoutMs: 600_000,
    });
    if (code !== 0) console.log(`${argv.join(" ")}: exit ${code}\n${stderr}`);
    if (runtime === ours) console.log(`\n${name}, by tinydocker\n${stdout.trimEnd()}`);
    files.push(join(directory, runtime === ours ? "ours" : "runc"));
    writeFileSync(files.at(-1)!, `${stdout}${code === 0 ? "" : `exit ${code}\n`}`);
  }
  const { code, stdout } = await runProgram(["diff", "-u", ...files.toReversed()]);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`\n${name}: ${code === 0 ? "the same as by runc" : `not as by runc\n${stdout}`} (${seconds} s for both)`);
  return code === 0;
}

async function compareInside(): Promise<boolean> {
  let same = true;
  let systemd: Systemd | undefined;
  for (const { name, sections, bySystemd } of inMachine.filter(({ name }) => chosen.includes(name))) {
    if (bySystemd) systemd ??= await Systemd.start();
    same = (await compare(name, sections, bySystemd && systemd)) && same;
  }
  await systemd?.[Symbol.asyncDispose]();
  return same;
}

async function compareInVm(): Promise<boolean> {
  const missing = missingForVm();
  if (missing) throw new Error(`this machine lacks ${missing}`);
  const argv = [process.execPath, import.meta.path, "--inside", ...positionals];
  const print = (stream: NodeJS.WriteStream) => (data: Buffer) => void stream.write(data);
  const machine = { memMB: 2048, cwd: repository, timeoutSeconds: 3000 };
  return (await vm(argv, machine, print(process.stdout), print(process.stderr))) === 0;
}

async function compareHere(): Promise<boolean> {
  let same = true;
  for (const name of chosen) same = (await compare(name, [])) && same;
  return same;
}

const same = values.inside ? await compareInside() : values.vm ? await compareInVm() : await compareHere();
process.exit(same ? 0 : 1);
