/** Values of --device, --device-cgroup-rule and --gpus; loaded for those who give them. */

import { UsageError } from "../../errors.ts";
import type { DeviceOptions, DeviceRequest, GpuRequest } from "../../plan/device-options.ts";
import { parseTarget } from "../../plan/path.ts";

interface Given {
  device: string[];
  "device-cgroup-rule": string[];
  gpus: string[];
}

export function parseDevices(args: Given): DeviceOptions {
  const cdi = args.device.filter(isCdiName);
  const devices = args.device.filter((text) => !isCdiName(text)).map(parseDevice);
  const rules = args["device-cgroup-rule"].map(parseRule);
  const gpus = args.gpus.map(parseGpus);
  return {
    ...(devices.length > 0 && { devices }),
    ...(cdi.length > 0 && { cdi }),
    ...(rules.length > 0 && { rules }),
    ...(gpus.length > 0 && { gpus }),
  };
}

/** `vendor.com/class=name` */
const isCdiName = (text: string): boolean => /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*=[\w.:-]+$/.test(text);

const isAccess = (text: string): boolean => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;

/** `/dev/x`, `/dev/x:/dev/y`, `/dev/x:rw`, `/dev/x:/dev/y:rwm` */
function parseDevice(text: string): DeviceRequest {
  const [path = "", second, third, ...more] = text.split(":");
  const wrong = (what: string) =>
    new UsageError(`--device: ${JSON.stringify(text)} ${what}`, "/dev/x[:/dev/y][:rwm], or vendor.com/class=name");
  if (more.length > 0) throw wrong("has too many parts");
  if (!path.startsWith("/") || path.includes("\0")) throw wrong("does not name a device of the host");
  const short = second !== undefined && third === undefined && isAccess(second);
  const access = short ? second : (third ?? "rwm");
  if (!isAccess(access)) throw wrong(`says ${JSON.stringify(access)} where only r, w and m can stand`);
  const target = short ? path : (second ?? path);
  if (/^\/dev\/*$/.test(target) && !/^\/dev\/*$/.test(path)) throw wrong("would take the place of /dev");
  return { path: path.replace(/(.)\/+$/, "$1"), target: parseTarget("--device", target), access };
}

/** Of --device-cgroup-rule. @throws UsageError */
export function parseRule(text: string): string {
  if (/^[acb] (\d{1,10}|\*):(\d{1,10}|\*) [rwm]{1,3}$/.test(text)) return text;
  throw new UsageError(
    `--device-cgroup-rule: ${JSON.stringify(text)} is not a rule`,
    "a, b or c, MAJOR:MINOR with * for any, and letters of rwm: 'c 42:* rwm'",
  );
}

/** `all`, a number, or `device=0,1` and the like: key=value pairs as in CSV, where quotes hold commas together. */
function parseGpus(text: string): GpuRequest {
  const request: GpuRequest = { driver: "", capabilities: ["gpu"], options: {} };
  for (const field of splitFields(text)) {
    const equals = field.indexOf("=");
    const [key, value] = equals < 0 ? ["count", field] : [field.slice(0, equals), field.slice(equals + 1)];
    // `device=0,1` without the quotes that keep it together.
    if (equals < 0 && request.ids) request.ids.push(parseId(text, field));
    else if (key === "count") request.count = parseCount(text, value);
    else if (key === "device") request.ids = value.split(",").map((id) => parseId(text, id));
    else if (key === "driver") request.driver = value;
    else if (key === "capabilities") request.capabilities = [...new Set(["gpu", ...value.split(",")])];
    else if (key === "options") request.options = parseOptions(value);
    else throw wrongGpus(text, `has ${JSON.stringify(key)}, which is not known`);
  }
  if (request.ids && request.count !== undefined) throw wrongGpus(text, "names devices and a number of them");
  return request.ids || request.count !== undefined ? request : { ...request, count: -1 };
}

const wrongGpus = (text: string, what: string): UsageError =>
  new UsageError(`--gpus: ${JSON.stringify(text)} ${what}`, `all, a number, or '"device=0,1"'`);

function parseCount(text: string, value: string): number {
  if (value === "all" || value === "-1") return -1;
  if (/^[1-9]\d{0,3}$/.test(value)) return Number(value);
  throw wrongGpus(text, "is neither all nor a number");
}

function parseId(text: string, id: string): string {
  if (/^[\w.:-]+$/.test(id)) return id;
  throw wrongGpus(text, `names the device ${JSON.stringify(id)}`);
}

function parseOptions(value: string): Record<string, string> {
  const pairs = value.split(",").map((pair) => pair.split("=", 2) as [string, string?]);
  return Object.fromEntries(pairs.map(([name, option = ""]) => [name, option]));
}

/** Fields between commas; quotes around a field hold its commas. */
function splitFields(text: string): string[] {
  const fields = [...text.matchAll(/(?:^|,)(?:"([^"]*)"|([^,"]*))(?=,|$)/g)].map(
    ([, quoted, plain]) => quoted ?? plain!,
  );
  if (fields.length === 0 || fields.includes("")) throw wrongGpus(text, "is not a list of fields");
  return fields;
}
