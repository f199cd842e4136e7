/** A container without an image, made as every other is, in which records tell what is seen and what is refused there. */

import { explain, Failure } from "../../errors.ts";
import { createStaging, prepareStore } from "../../image/staging.ts";
import { randomHex } from "../../linux/clone.ts";
import { readBytes } from "../../linux/file.ts";
import { mkdir } from "../../linux/names.ts";
import { statIfAny } from "../../linux/stat.ts";
import { removePath } from "../../linux/tree/tree.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { noNetworkOptions } from "../../plan/network/options.ts";
import { noOptions } from "../../plan/options.ts";
import type { Plan } from "../../plan/step.ts";
import { headerBytes } from "../../runtime/log.ts";
import { connectToMonitor } from "../../runtime/monitor/stdio.ts";
import { runContainer } from "../../runtime/run.ts";
import { newRecord } from "../container/create.ts";
import { readHost } from "../container/host.ts";
import { planStart } from "../container/plan.ts";
import { prepareRoot } from "../container/recover.ts";
import type { CreateRequest } from "../container/request.ts";
import { directoryOf } from "../record/container.ts";
import { type Finding, problem } from "./finding.ts";
import { judge } from "./judge.ts";

/** What it says is read from its log. */
const unheard = { terminal: false, interactive: false, stderrApart: false };
const log = { driver: "local", maxBytes: 1 << 20, maxFiles: 1 } as const;

const request: CreateRequest = {
  source: { image: "doctor" },
  options: { ...noOptions, command: ["self-test"], network: { ...noNetworkOptions, mode: "none" } },
  settings: {
    remove: true,
    init: false,
    interactive: false,
    restart: { name: "no", maximumRetries: 0 },
    log,
    labels: {},
  },
};

/** Makes the container, and takes it away again; and the state root, too, if there is none. */
export function testIsolation(paths: Paths): Finding[] {
  const isThere = statIfAny(paths.root) !== undefined;
  const own = isThere ? paths : pathsOf(`${paths.root}-doctor-${randomHex(8)}`);
  try {
    return judge(runSelfTest(own), readHost({ devices: false }).capabilities);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { text, hint } = explain(error);
    return [problem("start", `no container can be started: ${text}`, hint)];
  } finally {
    if (!isThere) removePath(own.root);
  }
}

/** @returns what it has told. */
function runSelfTest(paths: Paths): string {
  prepareStore(paths);
  prepareRoot(paths);
  const staging = createStaging(paths);
  try {
    const layer = `${staging.path}/empty`;
    mkdir(layer);
    const record = newRecord(paths, randomHex(32), request, {
      name: "doctor",
      defaults: {},
      lower: [layer],
      rootMode: 0o755,
    });
    const how = { fresh: true, monitored: false, stdio: ["null", "pipe", "pipe"] as ("null" | "pipe")[] };
    const { plan } = planStart(paths, record, record.id, how, () => {});
    return runPlan({ ...plan, start: withSelfTest(plan.start) }, directoryOf(paths, record.id));
  } finally {
    staging.discard();
  }
}

/** In place of the program. What execve(2) would take away is taken away before. */
function withSelfTest(steps: Plan["start"]): Plan["start"] {
  const last = steps.find((step) => step.do === "capabilities");
  return steps.flatMap((step): Plan["start"] => {
    if (step.do !== "execute") return [step];
    return [...(last ? [{ do: last.do, capabilities: last.capabilities }] : []), { do: "self-test" }];
  });
}

function runPlan(plan: Plan, directory: string): string {
  let told = "";
  const nothing = () => {};
  const { exit } = runContainer(
    plan,
    { to: "monitor", connect: (...given) => connectToMonitor(unheard, ...given) },
    { directory, log, usage: { wanted: false, look: false } },
    {
      cleanUpDead: nothing,
      madeVolume: nothing,
      warn: nothing,
      exec: () => {
        throw new Failure("nothing is executed in a self-test");
      },
      starting: nothing,
      started: () => [],
      ended: () => {
        told = textOf(readBytes(`${directory}/log`));
      },
      takenBack: nothing,
    },
  );
  if (exit.code !== 0) throw new Failure(`the self-test ended with ${exit.code ?? `signal ${exit.signal}`}`);
  return told;
}

/** What is in a log of the driver `local`. */
function textOf(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  let text = "";
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    text += decoder.decode(bytes.subarray(at + headerBytes, at + headerBytes + length), { stream: true });
    at += headerBytes + length;
  }
  return text;
}
