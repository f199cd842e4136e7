/** Every network that a container can name: those that are kept, and the three that are always there. */

import { NotFoundError } from "../../errors.ts";
import { digestOf, hexOf } from "../../oci/digest.ts";
import type { Paths } from "../../paths.ts";
import { driverOf, type Network } from "../../plan/network/network.ts";
import { builtinNetworks, defaultNetwork } from "../../plan/network/options.ts";
import { findNetwork, listAnyNetworks, noSettings } from "../record/network.ts";
import { networkToBe } from "./create.ts";

export interface KnownNetwork extends Network {
  /** `null` is none at all, as Docker calls it. */
  driver: ReturnType<typeof driverOf> | "host" | "null";
  /** What is wrong with it, if something is. */
  damage?: string;
}

export const isBuiltin = ({ name }: Pick<Network, "name">): boolean => builtinNetworks.includes(name);

const never = "0001-01-01T00:00:00Z";

/** A mode that Docker lists as a network. Its id is the same everywhere, as nothing is kept of it. */
const withoutBridge = (name: "host" | "none"): KnownNetwork => ({
  id: hexOf(digestOf(`the network ${name}`)),
  name,
  driver: name === "host" ? "host" : "null",
  created: never,
  ...noSettings,
});

/** The default network as it would be now, if no container was ever in it. */
const defaultToBe = (paths: Paths): Network => ({ ...networkToBe(paths, defaultNetwork), created: never });

/** All of them, by name. */
export function listKnownNetworks(paths: Paths): KnownNetwork[] {
  const kept = listAnyNetworks(paths);
  const missing = kept.some(({ name }) => name === defaultNetwork) ? [] : [defaultToBe(paths)];
  const bridges = [...missing, ...kept].map((network): KnownNetwork => ({ ...network, driver: driverOf(network) }));
  return [...bridges, withoutBridge("host"), withoutBridge("none")].sort((a, b) => byName.compare(a.name, b.name));
}

const byName = new Intl.Collator("en", { numeric: true });

/** One of them, by its name or the beginning of its id; undefined if there is none. */
export function findKnownNetwork(paths: Paths, reference: string): KnownNetwork | undefined {
  const named = listKnownNetworks(paths).find(({ name }) => name === reference);
  if (named && named.damage === undefined) return named;
  try {
    const network = findNetwork(paths, reference);
    return { ...network, driver: driverOf(network) };
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  const isId = reference !== "" && /^[0-9a-f]+$/.test(reference);
  return isId ? listKnownNetworks(paths).find(({ id }) => id.startsWith(reference)) : undefined;
}
