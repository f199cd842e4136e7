/**
 * Devices by the Container Device Interface: files in which vendors say what a container needs for `vendor.com/class=name`.
 * @see https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
 */

import { ConflictError, InvalidError, NotFoundError, UnsupportedError } from "../../errors.ts";
import { readdir } from "../../linux/directory.ts";
import { statIfAny } from "../../linux/stat.ts";
import type { Hooks } from "../../oci/rare.ts";
import type { Device, Mount, Spec } from "../../oci/spec.ts";
import type { GpuRequest } from "../../plan/device-options.ts";
import { defaultPath, parseTarget } from "../../plan/path.ts";
import { readRegularFileIfAny } from "../../record-file.ts";
import { defaultCdiDirectories, readConfig } from "../record/config.ts";
import { type CdiFile, type CdiHook, checkCdi, type DeviceNode, type Edits } from "./cdi-file.ts";
import { deviceOf } from "./host-devices.ts";
import { rulesOf, withMounts, withNodes, withRules } from "./spec.ts";

/** A spec with what these devices need. */
export function applyCdi(spec: Spec, names: string[], gpus: GpuRequest[]): Spec {
  const known = readFiles(readConfig().cdiDirectories ?? defaultCdiDirectories);
  const wanted = [...names, ...gpus.flatMap((request) => gpuNames(request, known))];
  const applied = new Set<CdiFile>();
  let edited = spec;
  for (const name of new Set(wanted)) {
    const { file, edits } = findDevice(name, known);
    // What all devices of a file need, once.
    if (!applied.has(file)) edited = applyEdits(edited, file.containerEdits ?? {}, file.path);
    applied.add(file);
    edited = applyEdits(edited, edits, file.path);
  }
  return edited;
}

/** What the files say, by the directories' order; and what is wrong with those that can't be read. */
interface Known {
  directories: string[];
  /** One list for each directory. */
  levels: CdiFile[][];
  broken: string[];
}

function readFiles(from: string[]): Known {
  const broken: string[] = [];
  const levels = from.map((directory) =>
    (readdir(directory) ?? []).sort().flatMap((name): CdiFile[] => {
      if (!/\.(json|yaml|yml)$/.test(name)) return [];
      const path = `${directory}/${name}`;
      try {
        return [parseFile(path, readRegularFileIfAny(path) ?? "")];
      } catch (error) {
        broken.push(
          error instanceof InvalidError ? error.message : `${path} is not valid: ${(error as Error).message}`,
        );
        return [];
      }
    }),
  );
  return { directories: from, levels, broken };
}

function parseFile(path: string, text: string): CdiFile {
  const content: unknown = path.endsWith(".json") ? JSON.parse(text) : Bun.YAML.parse(text);
  const wrong = checkCdi(content);
  if (wrong !== undefined) throw new InvalidError(`${path} is not valid: ${wrong}`);
  return { ...(content as Omit<CdiFile, "path">), path };
}

function findDevice(name: string, { directories, levels, broken }: Known): { file: CdiFile; edits: Edits } {
  const [kind, device] = name.split("=", 2) as [string, string];
  for (const files of levels.toReversed()) {
    const found = files.flatMap((file) =>
      file.kind === kind ? file.devices.filter((one) => one.name === device).map((one) => ({ file, one })) : [],
    );
    const [first, second] = found;
    if (second) throw new ConflictError(`--device: ${name} is in ${first!.file.path} and in ${second.file.path}`);
    if (first) return { file: first.file, edits: first.one.containerEdits ?? {} };
  }
  const kinds = levels.flat().filter((file) => file.kind === kind);
  const names = [...new Set(kinds.flatMap((file) => file.devices.map((one) => one.name)))];
  throw new NotFoundError(
    `there is no device ${name} in the CDI files of this host (${directories.join(", ")})`,
    names.length > 0 ? `of ${kind} there are ${names.join(", ")}` : broken.join("; ") || hintOf(kind),
  );
}

const hintOf = (kind: string): string | undefined =>
  kind === "nvidia.com/gpu" ? "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml makes them" : undefined;

/** The devices that --gpus means: those of NVIDIA, or of the only vendor that has any. */
function gpuNames({ driver, count, ids }: GpuRequest, { levels }: Known): string[] {
  const kinds = [...new Set(levels.flat().map(({ kind }) => kind))].filter((kind) => kind.endsWith("/gpu"));
  const vendor = driver && driver !== "cdi" ? kinds.find((kind) => kind.startsWith(`${driver}.`)) : undefined;
  const nvidia = "nvidia.com/gpu";
  const kind = vendor ?? (kinds.length === 1 ? kinds[0]! : nvidia);
  if (ids) return ids.map((id) => `${kind}=${id}`);
  if (count === undefined || count < 0) return [`${kind}=all`];
  return Array.from({ length: count }, (_, index) => `${kind}=${index}`);
}

function applyEdits(spec: Spec, edits: Edits, path: string): Spec {
  refuseUnsupported(edits, path);
  const { env = [], deviceNodes = [], mounts = [], additionalGids = [] } = edits;
  const variables = new Map([...spec.process.env, ...env].map((entry) => [entry.split("=", 1)[0]!, entry]));
  const { user } = spec.process;
  const groupNames = [...(user.groupNames ?? []), ...additionalGids.map(String)];
  const process = {
    ...spec.process,
    env: [...variables.values()],
    user: { ...user, ...(groupNames.length > 0 && { groupNames }) },
  };
  const more = mounts.map(
    ({ hostPath, containerPath, type = "bind", options = ["ro", "nosuid", "nodev", "rbind"] }) => ({
      destination: parseTarget(path, containerPath),
      type,
      source: hostPath,
      options,
    }),
  ) satisfies Mount[];
  const nodes = deviceNodes.map((node) => nodeOf(node, path));
  const rules = nodes.flatMap((node, index) => rulesOf(node, accessOf(deviceNodes[index]!, path)));
  const hooked = withHooks({ ...spec, process }, edits.hooks ?? []);
  return withRules(withNodes(withMounts(hooked, more), nodes), rules);
}

/**
 * What a hook does not say of its environment is ours to say. It is a program of the host with all privileges: variables of the
 * image (LD_PRELOAD) are none of its business (CVE-2025-23266).
 */
function withHooks(spec: Spec, more: CdiHook[]): Spec {
  if (more.length === 0) return spec;
  const hooks: Hooks = { ...spec.hooks };
  for (const { hookName, env = [defaultPath], ...hook } of more)
    hooks[hookName] = [...(hooks[hookName] ?? []), { ...hook, env }];
  return { ...spec, hooks };
}

/** What would be a lie to leave out. */
function refuseUnsupported(edits: Edits, path: string): void {
  for (const name of ["intelRdt", "netDevices"] as const)
    if (edits[name] && Object.keys(edits[name]).length > 0)
      throw new UnsupportedError(`${path} has ${name}, which is not supported`);
}

function accessOf({ path, permissions = "rwm" }: DeviceNode, file: string): string {
  if (/^[rwm]{1,3}$/.test(permissions)) return permissions;
  throw new InvalidError(`${file}: permissions ${JSON.stringify(permissions)} of ${path} are not letters of rwm`);
}

/** What a file does not say of a device is as the host has it. */
function nodeOf(node: DeviceNode, file: string): Device {
  const { path, hostPath = path } = node;
  const complete = node.type !== undefined && node.type !== "u" && node.major !== undefined && node.minor !== undefined;
  const found = statIfAny(hostPath) ? deviceOf(hostPath) : undefined;
  if (!found && !complete) throw new NotFoundError(`${hostPath}, which ${file} names, is not a device of this host`);
  const device: Device = found ?? { type: "c", path, major: 0, minor: 0, fileMode: 0o666, uid: 0, gid: 0 };
  return {
    type: node.type === undefined || node.type === "u" ? device.type : node.type,
    path: parseTarget(file, path),
    major: node.major ?? device.major,
    minor: node.minor ?? device.minor,
    fileMode: (node.fileMode ?? device.fileMode) & 0o7777,
    uid: node.uid ?? device.uid,
    gid: node.gid ?? device.gid,
  };
}
