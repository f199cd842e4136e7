/** Making volumes: directories with a name that outlive the containers which use them. */

import { ConflictError } from "../../errors.ts";
import { withStoreLock } from "../../image/staging.ts";
import { randomHex } from "../../linux/clone.ts";
import { writeFileAtomic } from "../../linux/file.ts";
import { mkdirAll, unlink } from "../../linux/names.ts";
import type { Paths } from "../../paths.ts";
import type { VolumeStep } from "../../plan/host-step.ts";
import { makerOf, recordOf } from "../../plan/volume.ts";
import { performHost } from "../../runtime/host.ts";
import { undoList } from "../../runtime/undo.ts";
import { formatRecord } from "../../schema.ts";
import { recordEvent } from "../record/events.ts";
import { anonymousLabel, newVolume, readAnyVolume, type Volume, volumeKind, volumePath } from "../record/volume.ts";

/** What makes it, if it is not there. @param mark of who wants it, so that no two build it in one place. */
export const stepFor = (
  paths: Paths,
  volume: Volume,
  mark: string,
  { anonymous = false, maker }: Partial<Pick<VolumeStep, "anonymous" | "maker">> = {},
): VolumeStep => ({
  do: "volume",
  name: volume.name,
  path: volumePath(paths, volume.name),
  staging: `${paths.staging}/${mark}-${volume.name}`,
  record: formatRecord(volumeKind, volume),
  anonymous,
  ...(maker !== undefined && { maker }),
});

/** Makes a volume. One that is there already stays as it is, and one that is damaged gets what was asked for. @throws ConflictError if it is another than was asked for. */
export function makeVolume(
  paths: Paths,
  {
    name = randomHex(32),
    anonymous,
    ...asked
  }: Pick<Volume, "labels" | "options"> & { name?: string; anonymous: boolean },
): string {
  const labels = { ...asked.labels, ...(anonymous && { [anonymousLabel]: "" }) };
  const volume = newVolume(name, labels, asked.options);
  mkdirAll(paths.root);
  withStoreLock(paths, "shared", () => {
    const there = readAnyVolume(paths, name);
    if (there?.damage !== undefined) {
      writeFileAtomic(recordOf(volumePath(paths, name)), formatRecord(volumeKind, volume));
      return;
    }
    if (there) {
      refuseOther(there, volume);
      // Whoever has made it may still fail to start: it is there to stay now.
      return unlink(makerOf(volumePath(paths, name)));
    }
    performHost([stepFor(paths, volume, randomHex(6))], undoList());
    recordEvent(paths, { type: "volume", action: "create", id: name, attributes: { driver: "local" } });
  });
  return name;
}

/** Docker keeps the old one and says nothing. */
function refuseOther(there: Volume, { name, labels, options }: Volume): void {
  for (const [what, old, wanted] of [
    ["options", there.options, options],
    ["labels", there.labels, labels],
  ] as const) {
    if (Object.entries(wanted).some(([key, value]) => old[key] !== value))
      throw new ConflictError(
        `volume ${name} exists with other ${what}`,
        `tinydocker volume inspect ${name} shows them; volume rm ${name} removes it`,
      );
  }
}
