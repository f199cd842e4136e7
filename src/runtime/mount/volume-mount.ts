/**
 * A volume that is a file system of its own: mounted over its data by the first container that uses it, taken away by the
 * last. Each holds a lock for as long as it runs, which a crash gives back too.
 *
 *     volumes/<name>/
 *       mount.lock   held while somebody looks, mounts or unmounts
 *       users.lock   shared by all that use it: who gets it alone is the last
 */

import { hasCode, NotFoundError } from "../../errors.ts";
import { close, type Fd, O_CREAT, O_RDWR, open, owned } from "../../linux/file.ts";
import { flock } from "../../linux/flock.ts";
import { attachAt, fsmount, umount2 } from "../../linux/mount.ts";
import { stat, statIfAny } from "../../linux/stat.ts";
import type { HostStep } from "../../plan/host-step.ts";
import { dataOf } from "../../plan/volume.ts";

/** @returns how to take it back. */
export function mountVolume({ path, type, source, options }: Extract<HostStep, { do: "mount-volume" }>): () => void {
  const users = alone(path, () => {
    using held = owned(open(`${path}/users.lock`, O_RDWR | O_CREAT, 0o600));
    flock(held.fd, { shared: true, wait: true });
    if (!isMounted(path)) attachAt(makeMount(type, source, options), dataOf(path), `${type} on ${dataOf(path)}`);
    return held.handOff();
  });
  return () =>
    alone(path, () => {
      if (flock(users, { wait: false })) unmountVolume(path);
      close(users);
    });
}

/** The kernel wants the server's address in digits, and knows nothing of retrying in the background. */
function makeMount(type: string, source: string, options: string[]): Fd {
  if (type === "tmpfs") return fsmount(type, source, options);
  const words = options.filter((word) => !/^(bg|fg|retry=\d+|_netdev|x-.*|defaults|user|nofail)$/.test(word));
  try {
    return fsmount(
      type,
      source,
      words.map((word) => (word.startsWith("addr=") ? `addr=${addressOf(word.slice(5))}` : word)),
    );
  } catch (error) {
    if (hasCode(error, "ENODEV")) throw error.withHint(`this kernel has no ${type}: try modprobe ${type}`);
    if (hasCode(error, "ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EPROTONOSUPPORT"))
      throw error.withHint(
        `${source} of ${options.find((word) => word.startsWith("addr=")) ?? "no addr"} does not answer`,
      );
    throw error;
  }
}

/** getent(1) asks whom everybody on this host asks. */
function addressOf(host: string): string {
  if (/^[0-9.]+$|:/.test(host)) return host;
  const found = Bun.spawnSync(["/usr/bin/getent", "ahosts", host], { env: { PATH: "/usr/bin:/bin" }, cwd: "/" });
  const address = found.stdout.toString().split(/\s/, 1)[0];
  if (address) return address;
  throw new NotFoundError(`no address of ${host} is known`, "addr= with the server's address in digits");
}

/** Takes away what is mounted over a volume's data, if anything is. */
export function unmountVolume(path: string): void {
  if (isMounted(path)) umount2(dataOf(path));
}

const isMounted = (path: string): boolean => {
  const data = statIfAny(dataOf(path));
  return data !== undefined && data.device !== stat(path).device;
};

function alone<Result>(path: string, use: () => Result): Result {
  using lock = owned(open(`${path}/mount.lock`, O_RDWR | O_CREAT, 0o600));
  flock(lock.fd, { wait: true });
  return use();
}
