/** `tinydocker info`: what this host offers containers, and what is in the store. */

import { describeInfo, describeStore, describeSystem, warnings } from "../../engine/system/describe.ts";
import { readInfo } from "../../engine/system/info.ts";
import { hasCode } from "../../errors.ts";
import { type Paths, pathsOf } from "../../paths.ts";
import { binarySize } from "../container/stats.ts";
import { defineCommand } from "../words/command.ts";
import { inspectArgs, printByFormat } from "../words/objects.ts";
import { plain, printLine, warn } from "../words/print.ts";

export default defineCommand({
  meta: { name: "info", group: "System", description: "Show information about this host and the store" },
  args: { json: { type: "boolean", description: "Print JSON" }, ...inspectArgs },
  examples: ["tinydocker info", "tinydocker info --format '{{.ContainersRunning}}'"],
  run: ({ json, format }, global) => {
    const paths = pathsOf(global.root);
    if (format !== undefined) {
      printByFormat("info", describeInfo(paths), format);
      return 0;
    }
    if (json) {
      printLine(JSON.stringify(readInfo(paths), null, 2));
      return 0;
    }
    printLine(infoText(paths));
    for (const line of warnings()) warn(line.replace("WARNING: No ", "no ").replace("WARNING: ", ""));
    return 0;
  },
});

/** In Docker's layout, which scripts look for lines in: "Server Version:", "Storage Driver:", "Cgroup Version:". */
function infoText(paths: Paths): string {
  const system = describeSystem(paths);
  const { Plugins: plugins } = system;
  const { "Cgroup mode": mode, "Cgroup controllers": controllers } = readInfo(paths);
  return [
    "Client:",
    ` Version:    ${system.ClientInfo.Version}`,
    ` Context:    ${system.ClientInfo.Context}`,
    ` Debug Mode: ${system.ClientInfo.Debug}`,
    "",
    "Server:",
    ...storeLines(paths),
    ` Server Version: ${system.ServerVersion}`,
    ` Storage Driver: ${system.Driver}`,
    ...system.DriverStatus.map(([name, value]) => `  ${name}: ${value}`),
    ` Logging Driver: ${system.LoggingDriver}`,
    ` Cgroup Driver: ${system.CgroupDriver}`,
    ` Cgroup Version: ${system.CgroupVersion}`,
    `  Mode: ${mode}`,
    `  Controllers: ${(controllers as string[]).join(" ") || "none"}`,
    " Plugins:",
    `  Volume: ${plugins.Volume.join(" ")}`,
    `  Network: ${plugins.Network.join(" ")}`,
    `  Log: ${plugins.Log.join(" ")}`,
    " CDI spec directories:",
    ...system.CDISpecDirs.map((directory) => `  ${plain(directory)}`),
    ` Swarm: ${system.Swarm.LocalNodeState}`,
    ` Runtimes: ${[...system.Runtimes.keys()].join(" ")}`,
    ` Default Runtime: ${system.DefaultRuntime}`,
    ` Init Binary: ${system.InitBinary}`,
    " Security Options:",
    ...system.SecurityOptions.flatMap(securityLines),
    ` Kernel Version: ${system.KernelVersion}`,
    ` Operating System: ${plain(system.OperatingSystem)}`,
    ` OSType: ${system.OSType}`,
    ` Architecture: ${system.Architecture}`,
    ` CPUs: ${system.NCPU}`,
    ` Total Memory: ${binarySize(system.MemTotal)}`,
    ` Name: ${plain(system.Name)}`,
    ` ID: ${system.ID}`,
    ` Docker Root Dir: ${plain(system.DockerRootDir)}`,
    ` Debug Mode: ${system.Debug}`,
    ` Experimental: ${system.ExperimentalBuild}`,
    ` Live Restore Enabled: ${system.LiveRestoreEnabled}`,
    ` Firewall Backend: ${system.FirewallBackend.Driver}`,
  ].join("\n");
}

/** `name=seccomp,profile=builtin` is a name and, below it, what there is to say of it. */
function securityLines(option: string): string[] {
  const [name, profile] = option.split(",").map((word) => word.slice(word.indexOf("=") + 1));
  return [`  ${name}`, ...(profile === undefined ? [] : [`   Profile: ${profile}`])];
}

function storeLines(paths: Paths): string[] {
  try {
    const store = describeStore(paths);
    return [
      ` Containers: ${store.Containers}`,
      `  Running: ${store.ContainersRunning}`,
      `  Paused: ${store.ContainersPaused}`,
      `  Stopped: ${store.ContainersStopped}`,
      ` Images: ${store.Images}`,
    ];
  } catch (error) {
    if (!hasCode(error, "EACCES")) throw error;
    const unknown = "unknown: only root may look into the state root";
    return [` Containers: ${unknown}`, ` Images: ${unknown}`];
  }
}
