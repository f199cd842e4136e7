/** The mounts of our own mount namespace: proc_pid_mountinfo(5). */

import { readFile } from "../file.ts";

export interface MountLine {
  /** major:minor of its files, as `fstat` has them. */
  device: string;
  /** Where it is mounted. */
  point: string;
  /** Its optional fields: `shared:1 master:2`. */
  tags: string;
  /** Its file system. */
  type: string;
}

/** In the order of the kernel: of those on the same point, the last is on top. */
export const readMountinfo = (): MountLine[] =>
  readFile("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, , device = "", , point = "", , ...rest] = line.split(" ");
      const dash = rest.indexOf("-");
      return {
        device,
        point: unescaped(point),
        tags: rest.slice(0, dash).join(" "),
        type: rest[dash + 1] ?? "unknown",
      };
    });

/** A space is written \040. */
const unescaped = (point: string): string =>
  point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** The mount that a path lies on: of those whose points are above it, the deepest and last one. */
export const mountOf = (path: string): MountLine | undefined =>
  readMountinfo()
    .filter(({ point }) => point === "/" || path === point || path.startsWith(`${point}/`))
    .reduce<MountLine | undefined>(
      (best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
      undefined,
    );
