import { UnsupportedError, UsageError } from "../../errors.ts";
import { readAll, readBytes } from "../../linux/file.ts";
import { parseResources } from "../../oci/bundle/bundle.ts";
import type { Resources } from "../../oci/spec.ts";
import { absolutePath } from "../../paths.ts";
import { updateContainer } from "../../runtime/oci/update.ts";
import type { Arguments, Values } from "../words/command.ts";
import { parseSize } from "../words/units.ts";
import { containerId, defineRuntimeCommand } from "./command.ts";

const bytes = "BYTES";
const updateArgs = {
  resources: {
    type: "string",
    alias: "r",
    valueHint: "FILE",
    description: "Read them as JSON from a file, or from stdin (-); other options do not count then",
  },
  memory: { type: "string", valueHint: bytes, description: "The most memory; -1 is no limit" },
  "memory-reservation": {
    type: "string",
    valueHint: bytes,
    description: "Memory that is not taken from it; -1 is none",
  },
  "memory-swap": { type: "string", valueHint: bytes, description: "The most memory and swap together; -1 is no limit" },
  "cpu-quota": { type: "string", valueHint: "US", description: "CPU time in each period; -1 is no limit" },
  "cpu-period": { type: "string", valueHint: "US", description: "The length of a period" },
  "cpu-burst": { type: "string", valueHint: "US", description: "CPU time that may be saved up" },
  "cpu-share": { type: "string", valueHint: "N", description: "The weight of its CPU time, from 2 to 262144" },
  "cpu-idle": { type: "string", valueHint: "0|1", description: "1: it runs when nobody else wants to" },
  "cpuset-cpus": { type: "string", valueHint: "LIST", description: "The CPUs it may use: 0-2,4" },
  "cpuset-mems": { type: "string", valueHint: "LIST", description: "The memory nodes it may use" },
  "blkio-weight": {
    type: "string",
    valueHint: "N",
    description: "The weight of its disk input and output, 10 to 1000",
  },
  "pids-limit": { type: "string", valueHint: "N", description: "The most processes and threads; -1 is no limit" },
  "cpu-rt-period": { type: "string", valueHint: "US", description: "Not supported: cgroup v2 has no such limit" },
  "cpu-rt-runtime": { type: "string", valueHint: "US", description: "Not supported: cgroup v2 has no such limit" },
  "kernel-memory": { type: "string", valueHint: bytes, description: "Not supported: cgroup v2 has no such limit" },
  "kernel-memory-tcp": { type: "string", valueHint: bytes, description: "Not supported: cgroup v2 has no such limit" },
  "l3-cache-schema": { type: "string", valueHint: "TEXT", description: "Not supported: Intel RDT is not set up" },
  "mem-bw-schema": { type: "string", valueHint: "TEXT", description: "Not supported: Intel RDT is not set up" },
  id: containerId,
} as const satisfies Arguments;
type Given = Values<typeof updateArgs>;

export default defineRuntimeCommand({
  meta: { name: "update", description: "Change the limits of a container" },
  args: updateArgs,
  run: (args, { root }) => {
    updateContainer(root, args.id, args.resources === undefined ? resourcesOf(args) : readResources(args.resources));
    return 0;
  },
});

function readResources(file: string): Resources {
  const content = file === "-" ? readAll(0, "stdin") : readBytes(absolutePath(file, process.cwd()));
  return parseResources(content, file === "-" ? "stdin" : file);
}

const refused = [
  ...["cpu-rt-period", "cpu-rt-runtime", "kernel-memory", "kernel-memory-tcp", "l3-cache-schema", "mem-bw-schema"],
] as (keyof Given)[];

/** Through the reader of files, which knows what is wrong with a value. */
function resourcesOf(args: Given): Resources {
  for (const name of refused)
    if (args[name] !== undefined) throw new UnsupportedError(`option --${name} is not supported by cgroup v2`);
  const number = (name: keyof Given) => (args[name] === undefined ? undefined : numberOf(name, args[name] as string));
  const size = (name: keyof Given) => (args[name] === undefined ? undefined : bytesOf(name, args[name] as string));
  const json = {
    memory: { limit: size("memory"), reservation: size("memory-reservation"), swap: size("memory-swap") },
    cpu: {
      quota: number("cpu-quota"),
      period: number("cpu-period"),
      burst: number("cpu-burst"),
      shares: number("cpu-share"),
      idle: number("cpu-idle"),
      cpus: args["cpuset-cpus"],
      mems: args["cpuset-mems"],
    },
    blockIO: { weight: number("blkio-weight") },
    pids: args["pids-limit"] === undefined ? undefined : { limit: number("pids-limit") },
  };
  return parseResources(JSON.stringify(withoutEmpty(json)), "options");
}

const withoutEmpty = (json: Record<string, object | undefined>) =>
  Object.fromEntries(
    Object.entries(json).filter(([, value]) => Object.values(value ?? {}).some((one) => one !== undefined)),
  );

function numberOf(name: string, text: string): number {
  if (!/^-?\d{1,15}$/.test(text))
    throw new UsageError(`option --${name}: ${JSON.stringify(text)} is not a whole number`);
  return Number(text);
}

const bytesOf = (name: string, text: string): number => (text === "-1" ? -1 : parseSize(`--${name}`, text));
