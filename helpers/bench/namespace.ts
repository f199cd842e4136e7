/** A mount namespace in which other runtimes get on. */

import { existsSync } from "node:fs";

/**
 * Where cgroup v1 and v2 are both mounted, crun and runc trip over the v2 one: they get a mount namespace without it.
 * @returns the process that holds it, or undefined where there is no need.
 */
export async function withoutUnified(): Promise<Bun.Subprocess | undefined> {
  if (!existsSync("/sys/fs/cgroup/unified")) return undefined;
  const script = "umount /sys/fs/cgroup/unified; echo ready; exec sleep infinity";
  const argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "sh", "-c", script];
  const holder = Bun.spawn(argv, { stdio: ["ignore", "pipe", "inherit"] });
  await holder.stdout.getReader().read();
  return holder;
}
