/** firewalld: it drops what comes from devices that it does not trust. */

import { UnsupportedError } from "../../errors.ts";
import { findHostProgram, runHostProgram } from "../../host-program.ts";
import type { Fd } from "../../linux/file.ts";
import { text } from "../../linux/netlink/attribute.ts";
import { listRules } from "../../linux/netlink/nft-rule.ts";
import { getTable, type Table } from "../../linux/netlink/nftables.ts";

const table: Table = { family: "inet", name: "firewalld" };
const program = "firewall-cmd";
/** In which chain firewalld sends a device's packets to its zone: two names, by its version. */
const chains = ["filter_FORWARD_ZONES", "filter_FORWARD_IN_ZONES"];

/** Asking it costs 200 ms, so its rules are read: only where it runs are there any. */
const isRunning = (socket: Fd): boolean =>
  getTable(socket, table) !== undefined && findHostProgram(program) !== undefined;

/**
 * Puts a bridge into the zone `trusted`, now and for when it is started or reloaded.
 * @throws UnsupportedError where its rules are there and it does not: nothing would reach the containers, or leave them.
 */
export function trustInFirewalld(socket: Fd, bridge: string): void {
  if (!isRunning(socket)) return;
  const name = text(bridge).toHex();
  const isKnown = chains.some((chain) =>
    listRules(socket, table, chain).some(({ expressions }) => expressions.toHex().includes(name)),
  );
  if (isKnown) return;
  const { code, stderr } = runHostProgram(program, ["--zone=trusted", `--change-interface=${bridge}`]);
  if (code !== 0)
    throw new UnsupportedError(
      `firewalld does not trust the bridge ${bridge}: ${stderr.trim().split("\n").at(-1) || `${program} ends with ${code}`}`,
      "its rules would drop what the containers send: start it, or remove its table inet firewalld",
    );
  runHostProgram(program, ["--permanent", "--zone=trusted", `--change-interface=${bridge}`]);
}

/** Takes it out again. */
export function leaveFirewalld(socket: Fd, bridge: string): void {
  if (!isRunning(socket)) return;
  runHostProgram(program, ["--zone=trusted", `--remove-interface=${bridge}`]);
  runHostProgram(program, ["--permanent", "--zone=trusted", `--remove-interface=${bridge}`]);
}
