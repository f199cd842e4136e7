/** The host's side of a run: performs its steps, each with the undo that takes it back. */

import { InvalidError, SyscallError } from "../errors.ts";
import { findCgroup2 } from "../linux/cgroup.ts";
import { close, type Fd, O_RDONLY, open, writeFileAtomic, writeSetting } from "../linux/file.ts";
import { mkdir, readlink, rmdir, unlink } from "../linux/names.ts";
import { statIfAny } from "../linux/stat.ts";
import { removePath } from "../linux/tree/tree.ts";
import { cleanupSchema } from "../plan/cleanup-record.ts";
import type { HostStep } from "../plan/host-step.ts";
import type { SharedNamespaceType } from "../plan/rare/step.ts";
import { removeContainer } from "./clean-up.ts";
import { makeContainerCgroup, removeContainerCgroup } from "./container-cgroup.ts";
import { writeEtcFiles } from "./etc-files.ts";
import type { Prepared } from "./init.ts";
import { type CleanUpDead, createLockFile, isNew } from "./lock-file.ts";
import { makeRoot } from "./mount/rootfs.ts";
import { identityOf } from "./mount/user.ts";
import { freeName, takeName } from "./name.ts";
import type { Owner } from "./stdio.ts";
import type { UndoList } from "./undo.ts";

/**
 * What steps leave for later ones, and for init. `image` is the root alone, a detached mount with nothing mounted in it; `owner`
 * is who the program runs as, as the host knows it.
 */
export type Preparing = Partial<Prepared> &
  Pick<Prepared, "binds"> & { image?: Fd; owner?: Owner; deviceFilter?: Fd; warnings?: string[] };

/** What the steps of a container have to know of it. */
export interface Performing {
  /** True once the container has run: then `keep` counts. */
  ended: () => boolean;
  prepared: Preparing;
  /** Cleans up after who had the lock file before and was killed; for containers that there were before. */
  cleanUpDead: CleanUpDead;
  /** Hears of volumes that were not there before. */
  madeVolume: (name: string) => void;
}

/** Performs steps of the host's side in order. */
export function performHost(
  steps: HostStep[],
  undo: UndoList,
  {
    ended = () => false,
    prepared = { binds: [] },
    cleanUpDead = isNew,
    madeVolume = () => {},
  }: Partial<Performing> = {},
): void {
  for (const step of steps) {
    try {
      (performers[step.do] as Performer<HostStep>)(step, undo, { ended, prepared, cleanUpDead, madeVolume });
    } catch (error) {
      if (error instanceof SyscallError) error.message = `${step.do}: ${error.message}`;
      throw error;
    }
  }
}

/** Loaded for those who have some. */
const binds = () => require("./mount/bind.ts") as typeof import("./mount/bind.ts");
const userns = () => require("./userns/prepare.ts") as typeof import("./userns/prepare.ts");
const mounts = () => require("./mount/host-mount.ts") as typeof import("./mount/host-mount.ts");
const secrets = () => require("./mount/secrets.ts") as typeof import("./mount/secrets.ts");
const volumes = () => require("./mount/volume-mount.ts") as typeof import("./mount/volume-mount.ts");
const mountedPasswd = () => require("./mount/mounted-passwd.ts") as typeof import("./mount/mounted-passwd.ts");
const unit = () => require("./systemd/scope.ts") as typeof import("./systemd/scope.ts");
const filters = () => require("./device-filter.ts") as typeof import("./device-filter.ts");

type Performer<Step> = (step: Step, undo: UndoList, more: Performing) => void;

const performers: { [Kind in HostStep["do"]]: Performer<Extract<HostStep, { do: Kind }>> } = {
  "lock-file": ({ running, cleanup }, undo, { cleanUpDead }) => {
    const lock = createLockFile(running, JSON.stringify({ schema: cleanupSchema, ...cleanup }), cleanUpDead);
    undo.add(() => {
      unlink(running);
      close(lock);
    });
  },
  "take-name": ({ name, path, id, owners, keep }, undo, { ended }) => {
    takeName(name, path, id, owners);
    undo.add(() => {
      if (!(keep && ended())) freeName(path, id);
    });
  },
  directories: ({ directories, keep }, undo, { ended }) => {
    undo.add(() => {
      if (!(keep && ended())) removePath(directories[0]!.path);
    });
    for (const { path, mode, owner } of directories) {
      mkdir(path, mode);
      if (owner) userns().giveDirectory(path, owner);
    }
  },
  "hold-ids": (step, undo, { ended }) => userns().hold(step, undo, ended),
  "user-namespace": (step, undo, { prepared }) => {
    prepared.ids = userns().openNamespace(step);
    closedLater(prepared.ids.fd, undo);
  },
  "file-system": (step, undo, { prepared }) => {
    prepared.binds.push(closedLater(userns().makeFileSystem(step, prepared.ids!), undo));
  },
  "make-masks": (_step, undo, { prepared }) => {
    prepared.masks = closedLater(userns().makeMasks(prepared.ids!), undo);
  },
  "copy-secrets": (step) => secrets().copySecrets(step),
  quota: (step, undo, { ended }) => {
    const { setQuota, clearQuota } = require("./quota.ts") as typeof import("./quota.ts");
    undo.add(() => {
      if (!(step.keep && ended())) clearQuota(step.paths, step.project);
    });
    setQuota(step);
  },
  volume: (step, undo, { ended, madeVolume }) => {
    const { makeVolume } = require("./mount/make-volume.ts") as typeof import("./mount/make-volume.ts");
    if (!makeVolume(step)) return;
    madeVolume(step.name);
    // One with a name may be somebody else's by then: who calls us knows (`maker`).
    if (step.anonymous)
      undo.add(() => {
        if (!ended()) removePath(step.path);
      });
  },
  "mount-volume": (step, undo) => undo.add(volumes().mountVolume(step)),
  cgroup: ({ path, existing, owner }, undo, { prepared, ended }) => {
    const above: string[] = [];
    removedUnlessEnded(above, undo, ended);
    undo.add(() => removeContainerCgroup(path));
    const directory = makeContainerCgroup(path, above, existing);
    prepared.cgroup = directory;
    if (owner) userns().giveCgroup(path, owner);
    undo.add(() => close(directory));
  },
  scope: (...all) => unit().makeScope(...all),
  "scope-limits": (step) => unit().setScopeLimits(step),
  overlay: (step, undo, { prepared }) => {
    const onCopy = (text: string) => {
      prepared.warnings = [...(prepared.warnings ?? []), text];
    };
    prepared.root = closedLater(mountedRoot(step) ?? makeRoot(step, onCopy, step.idmapped && prepared.ids), undo);
    prepared.image = prepared.root;
  },
  "bind-root": ({ path }, undo, { prepared }) => {
    const { root, image } = binds().makeBindRoot(path);
    prepared.root = closedLater(root, undo);
    prepared.image = closedLater(image, undo);
  },
  "etc-files": ({ files }, _undo, { prepared: { root, ids } }) => {
    if (ids) userns().asRoot(ids, () => writeEtcFiles(files, root!));
    else writeEtcFiles(files, root!);
  },
  user: ({ user, passwd }, _undo, { prepared }) => {
    const identity = identityOf(prepared.root!, user);
    prepared.identity = passwd ? { ...identity, home: mountedPasswd().homeByMounted(passwd, identity.uid) } : identity;
    prepared.owner = prepared.ids ? userns().identityOnHost(prepared.ids, prepared.identity) : prepared.identity;
  },
  "secret-variables": ({ variables }, _undo, { prepared }) => {
    prepared.variables = secrets().readSecretVariables(variables);
  },
  bind: (step, undo, { prepared, ended }) => {
    const onMade = (paths: string[]) => removedUnlessEnded(paths, undo, ended);
    const { image, identity, ids } = prepared;
    prepared.binds.push(closedLater(binds().makeBind(step, image!, identity!, onMade, ids), undo));
  },
  "open-namespace": ({ namespace, path }, undo, { prepared }) => {
    const joined = closedLater(open(path, O_RDONLY), undo);
    mustBeNamespace(joined, namespace, path);
    prepared.joined = { ...prepared.joined, [namespace]: joined };
  },
  remove: (cleanup, undo) => undo.add(() => removeContainer(cleanup)),
  "write-file": ({ path, text }) => writeFileAtomic(path, text),
  delegate: ({ cgroup, controllers }) => {
    const { delegateControllers } = require("../linux/delegation.ts") as typeof import("../linux/delegation.ts");
    const cgroup2 = findCgroup2()!;
    delegateControllers(cgroup2, cgroup.slice(cgroup2.mountPoint.length), controllers);
  },
  "load-profile": (step) =>
    (require("./security/apparmor.ts") as typeof import("./security/apparmor.ts")).loadProfile(step),
  "device-filter": (step, undo, { prepared }) => {
    const filter = filters().makeDeviceFilter(step, prepared);
    if (filter !== undefined) prepared.deviceFilter = closedLater(filter, undo);
  },
  "attach-device-filter": (_step, _undo, { prepared: { deviceFilter, cgroup } }) => {
    if (deviceFilter !== undefined) filters().attachDeviceFilter(cgroup!, deviceFilter);
  },
  limit: (step) => {
    if (!step.or && !step.optional && !step.summed) return writeSetting(step.file, step.value);
    (require("./limit.ts") as typeof import("./limit.ts")).writeLimit(step);
  },
};

/** As the kernel names them: `net:[4026531840]`. */
function mustBeNamespace(fd: Fd, type: SharedNamespaceType, path: string): void {
  const short = type === "network" ? "net" : type === "mount" ? "mnt" : type;
  if (!readlink(`/proc/self/fd/${fd}`).startsWith(`${short}:[`))
    throw new InvalidError(`${path} is not a namespace of type ${type}`);
  if (type === "mount" && readlink(`/proc/self/fd/${fd}`) === readlink("/proc/self/ns/mnt"))
    throw new InvalidError(`${path} is our own namespace of type mount: its root would change for us, too`);
}

/** What `mount` has mounted since the plan was made, too: a container may be started again by it. */
function mountedRoot({ mounted }: Extract<HostStep, { do: "overlay" }>): Fd | undefined {
  if (mounted === undefined || !statIfAny(mounted) || !mounts().isMounted(mounted)) return undefined;
  return mounts().cloneMount(mounted);
}

function closedLater(fd: Fd, undo: UndoList): Fd {
  undo.add(() => close(fd));
  return fd;
}

/** Directories on the host that a container needed which did not start, as long as nobody else has put anything in them. */
function removedUnlessEnded(paths: string[], undo: UndoList, ended: () => boolean): void {
  undo.add(() => {
    if (!ended()) for (const path of paths.reverse()) rmdir(path);
  });
}
