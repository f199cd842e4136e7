/** How a plan is printed: each step on a line, with its man page and the reason for it; or as JSON. */

import { machineOf } from "../../linux/seccomp/architectures.ts";
import type { IdMapping } from "../../oci/rare.ts";
import { documentation } from "../../plan/documentation.ts";
import type { BindStep, HostStep } from "../../plan/host-step.ts";
import type { SeccompStep } from "../../plan/init-step.ts";
import type { NetworkStep, Publication } from "../../plan/network/network.ts";
import type { RareHostStep } from "../../plan/rare/step.ts";
import { summarize } from "../../plan/seccomp/summary.ts";
import type { Plan, Step } from "../../plan/step.ts";
import { hostPortText } from "../container/ports.ts";
import { plain, printLine } from "../words/print.ts";
import type { Phase } from "./phases.ts";

export const documented = (phases: Phase[]) =>
  phases.map(({ title, by, steps, calls }) => ({
    phase: title,
    by,
    steps: steps.map((step) => ({ ...step, ...about(step), ...(calls.has(step) && { calls: calls.get(step) }) })),
  }));

/** Man page and reason: the step's own reason where it has one. */
function about(step: Step): { man: string; why: string; undo?: string } {
  const general = documentation[step.do];
  return "why" in step && step.why ? { ...general, why: step.why } : general;
}

const who = {
  host: "on the host, by tinydocker",
  inhabitant: "into the user namespace, by a process that makes the container's first",
  init: "in the container, by its first process",
};

/** @param subject whose plan it is. */
export function printPhases(subject: string, { warnings }: Pick<Plan, "warnings">, phases: Phase[]): void {
  printLine(`Plan of ${subject}. Nothing is done.`);
  for (const warning of warnings) printLine(`\nwarning: ${warning}`);
  let number = 0;
  for (const { title, by, steps, calls } of phases) {
    if (steps.length > 0) printLine(`\n${title.toUpperCase()} (${who[by]})`);
    for (const step of steps) {
      number += 1;
      const { man, why, undo } = about(step);
      printLine(`${String(number).padStart(4)}. ${plain(`${step.do} ${argumentsOf(step)}`.trimEnd())}`);
      printLine(`      ${man}: ${why}`);
      if (undo) printLine(`      undone by: ${undo}`);
      for (const line of calls.get(step) ?? []) printLine(`      ${plain(line)}`);
    }
  }
}

/** What is said of some steps on a line; `--json` has all of them. */
const inShort: { [Kind in ShortStep["do"]]?: (step: Extract<ShortStep, { do: Kind }>) => object } = {
  seccomp: (step) => {
    const { allowed, conditional, refused, instructions } = summarize(step, machine);
    const numbers = Object.entries(refused).map(([answer, names]) => [answer, names.length]);
    return {
      rules: "profile" in step.rules ? step.rules.profile : "given",
      allowed: allowed.length,
      conditional: conditional.length,
      ...Object.fromEntries(numbers),
      instructions,
      ...(step.listener && { agent: step.listener.path }),
    };
  },
  "load-profile": ({ name }) => ({ name }),
  "user-namespace": ({ path, uids, gids }) => ({ path, users: uids.map(rangeText), groups: gids.map(rangeText) }),
  overlay: ({ idmapped, ...rest }) => ({ ...rest, ...(idmapped && { owners: asOnDisk }) }),
  bind: ({ owners, ...rest }) => ({ ...rest, ...(owners && { owners: ownersText(owners) }) }),
  port: ({ hostPort, ...rest }) => ({ ...rest, hostPort: portNumber(hostPort) }),
  bridge: ({ network: { name, bridge, subnets, mtu } }) => ({
    network: name,
    bridge,
    addresses: subnets.map(({ subnet, gateway }) => `${gateway}/${subnet.split("/")[1]}`),
    mtu,
  }),
  parent: ({ network: { name, parent } }) => ({ network: name, ...parent }),
  firewall: ({ networks }) => ({ networks: networks.map(({ name }) => name) }),
  endpoint: ({ endpoint: { networkId: _id, ...rest } }) => rest,
  publish: ({ publications }) => ({
    ports: publications.map((one) => `${hostPortText(one.hostIp, portNumber(one.hostPort))}->${toText(one)}`),
  }),
  names: ({ network, names }) => ({ network, ...names }),
  relay: ({ ports, to }) => ({
    ports: ports.map((one) => `${hostPortText(one.hostIp, portNumber(one.hostPort))}->${one.port}/${one.protocol}`),
    to: Object.values(to),
  }),
};

/** `0-65535 as 2013265920-2013331455`: ids inside, and what the host calls them. */
function rangeText({ containerID, hostID, size }: IdMapping): string {
  const range = (first: number) => (size === 1 ? String(first) : `${first}-${first + size - 1}`);
  return `${range(containerID)} as ${range(hostID)}`;
}

const asOnDisk = "as on the disk (idmapped)";

const ownersText = (owners: NonNullable<BindStep["owners"]>): string =>
  owners === "same"
    ? asOnDisk
    : `as on the disk, but ${owners.uid}:${owners.gid} as root, unless it runs as that user (idmapped)`;

/** Which one is found out when it is taken. */
const portNumber = (port: number): number | string => port || "any";

const toText = ({ ip, port, protocol }: Publication): string => `${hostPortText(ip, port)}/${protocol}`;

type ShortStep =
  | NetworkStep
  | SeccompStep
  | RareHostStep
  | Extract<HostStep, { do: "user-namespace" | "overlay" | "bind" }>;

const machine = machineOf(process.arch);

/** A step's arguments on one line, as `key=value`. */
function argumentsOf(step: Step): string {
  const shorten = inShort[step.do as ShortStep["do"]] as ((step: Step) => object) | undefined;
  return Object.entries(shorten?.(step) ?? step)
    .filter(([key, value]) => key !== "do" && key !== "why" && value !== undefined && value !== false)
    .map(([key, value]) => `${key}=${brief(value)}`)
    .join(" ");
}

const longest = 300;

function brief(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > longest ? `${text.slice(0, longest)}... (${text.length} characters)` : text;
}
