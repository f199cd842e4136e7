/** How the container was run is how its image is run: the options of `run` over what the image below says, as Docker has it. Pure. */

import type { RawRunConfig } from "../../image/dockerfile/configure.ts";
import type { Healthcheck } from "../../oci/image.ts";
import { mergeHealth } from "../../plan/health.ts";
import { anonymousOption } from "../../plan/volume.ts";
import { exposedPorts, portKey } from "../network/ports.ts";
import type { ContainerRecord } from "../record/container.ts";

type Base = RawRunConfig & { Env?: string[] | null; Labels?: object | null; Healthcheck?: Healthcheck | null };

export function configOf(record: ContainerRecord, base: Base): RawRunConfig & { Cmd?: string[] } {
  const { options, settings } = record;
  const { command, entrypoint, env, workdir, user } = options;
  const variables = new Map<string, string>();
  for (const entry of [...(base.Env ?? []), ...env]) variables.set(entry.split("=", 1)[0]!, entry);
  return {
    ...base,
    ...(variables.size > 0 && { Env: [...variables.values()] }),
    // Docker's rule: an --entrypoint drops the image's Cmd, a command replaces it.
    ...(entrypoint && { Entrypoint: entrypoint, Cmd: command }),
    ...(command.length > 0 && { Cmd: command }),
    ...(workdir !== undefined && { WorkingDir: workdir }),
    ...(user !== undefined && { User: user }),
    ...filled("Labels", { ...base.Labels, ...settings.labels }),
    ...(settings.stopSignal !== undefined && { StopSignal: settings.stopSignal }),
    ...(settings.health && { Healthcheck: mergeHealth(settings.health, base.Healthcheck ?? {}) }),
    ...filled("ExposedPorts", asKeys(exposedPorts(record).map(portKey), base.ExposedPorts)),
    ...filled("Volumes", asKeys(anonymousVolumes(record), base.Volumes)),
  };
}

const filled = (name: string, value: object): RawRunConfig => (Object.keys(value).length > 0 ? { [name]: value } : {});

const asKeys = (names: string[], known: unknown): object => ({
  ...(known as object | null | undefined),
  ...Object.fromEntries(names.map((name) => [name, {}])),
});

/** A volume without a name is one for each container of the image; one with a name is this container's business. */
const anonymousVolumes = ({ options }: ContainerRecord): string[] =>
  options.mounts
    .filter(({ type, options: words }) => type === "volume" && words?.includes(anonymousOption))
    .map(({ destination }) => destination);
