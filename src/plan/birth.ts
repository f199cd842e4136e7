/** The first steps of every container, taken by init while the host's side still reads its options. Pure. */

import { defaultMounts } from "./mounts.ts";
import type { InitStep } from "./step.ts";

/**
 * What init does before it has its plan: all that is the same for every container.
 * @param network false leaves the network namespace, and the /sys that shows it, for the plan to decide.
 */
export const planBirth = (network: boolean): InitStep[] => [
  { do: "bind-to-parent" },
  { do: "session" },
  { do: "unshare", namespace: "NEWNS", why: "mounts of its own" },
  // Slave, not private: mounts the host makes later (an automount, a USB disk) still reach bind mounts that ask for it.
  { do: "propagation", path: "/", propagation: "rslave" },
  { do: "unshare", namespace: "NEWUTS", why: "a host name of its own" },
  { do: "unshare", namespace: "NEWIPC", why: "shared memory, semaphores and message queues of its own" },
  { do: "unshare", namespace: "NEWCGROUP", why: "the container sees its own cgroup as the root" },
  ...(network ? ownNetwork : []),
  ...defaultMounts({ privileged: false, hostNetwork: !network })
    .filter(({ type }) => network || type !== "sysfs")
    .map(({ type = "", source = "", options = [] }): InitStep => ({ do: "prepare-mount", type, source, options })),
];

/** A network of its own: only the loopback device is in it. */
export const ownNetwork: InitStep[] = [
  { do: "unshare", namespace: "NEWNET", why: "network devices, addresses and ports of its own" },
  { do: "loopback" },
  { do: "send-network" },
];
