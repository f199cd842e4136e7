/** What is kept of containers, images, networks and volumes and cannot be read: written by a power cut, a full disk, or a hand. */

import { removeImage } from "../../image/remove.ts";
import { listImages } from "../../image/store.ts";
import type { Paths } from "../../paths.ts";
import { mayRun } from "../container/stop-damaged.ts";
import { unknownCode, unseen } from "../container/unseen-end.ts";
import { isRecorded, listContainers, overwriteState } from "../record/container.ts";
import { listAnyNetworks } from "../record/network.ts";
import { listVolumes } from "../record/volume.ts";
import { type Finding, fine, problem, repairable } from "./finding.ts";

export function findDamage(paths: Paths): Finding[] {
  const found = [...containers(paths), ...images(paths), ...networks(paths), ...volumes(paths)];
  return found.length > 0 ? found : [fine("records", "all can be read")];
}

/** A state that is lost is that of a container that has ended; what it is, and what it wrote, is nobody's to invent or to remove. */
function containers(paths: Paths): Finding[] {
  return listContainers(paths).flatMap((container): Finding[] => {
    const { record, damage } = container;
    if (damage === undefined) return [];
    const text = `container ${record.name} ${damage}`;
    if (!damage.includes("state.json") || !isRecorded(paths, record.id) || mayRun(paths, container))
      return [problem("records", text, `tinydocker rm -f ${record.name}`)];
    const ended = { status: "exited", restartCount: 0, exitCode: unknownCode, error: unseen } as const;
    return [repairable("records", text, () => overwriteState(paths, record.id, ended))];
  });
}

/** Nothing can be started from one: what can be read of it names what to load again. */
function images(paths: Paths): Finding[] {
  const users = new Map(listContainers(paths).map(({ record }) => [record.imageId, record.name]));
  return listImages(paths).flatMap(({ id, references, damage }): Finding[] => {
    if (damage === undefined) return [];
    const name = references[0] ?? id.slice(7, 19);
    const text = `image ${name} ${damage}`;
    const user = users.get(id);
    if (user !== undefined) return [problem("records", text, `load it again: container ${user} uses it`)];
    return [repairable("records", text, () => removeImage(paths, id, { force: true, inUse: () => undefined }))];
  });
}

const networks = (paths: Paths): Finding[] =>
  listAnyNetworks(paths).flatMap(({ name, damage }) =>
    damage === undefined ? [] : [problem("records", `network ${name} ${damage}`, `tinydocker network rm ${name}`)],
  );

const volumes = (paths: Paths): Finding[] =>
  listVolumes(paths).flatMap(({ name, damage }) =>
    damage === undefined
      ? []
      : [problem("records", `volume ${name} ${damage}`, `its files are there: tinydocker volume export ${name}`)],
  );
