/** The command line of Docker 28: each of its commands and options is known here, or refused by its name. */

import { describe, expect, test } from "bun:test";
import { refuseAbsent } from "../../src/cli/absent.ts";
import { commands } from "../../src/cli/commands.ts";
import { findCommand } from "../../src/cli/groups.ts";
import { parseArgv } from "../../src/cli/words/argv.ts";
import { globalArgs } from "../../src/cli/words/global.ts";
import { type Failure, UsageError } from "../../src/errors.ts";

/**
 * Long names, and short ones with their dash.
 * @see https://docs.docker.com/reference/cli/docker/
 */
const options: Record<string, string> = {
  run: [
    "add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns",
    "cidfile cpu-count cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus",
    "cpuset-cpus cpuset-mems detach detach-keys device device-cgroup-rule device-read-bps",
    "device-read-iops device-write-bps device-write-iops disable-content-trust dns dns-opt dns-option",
    "dns-search domainname entrypoint env env-file expose gpus group-add health-cmd health-interval",
    "health-retries health-start-interval health-start-period health-timeout help hostname init",
    "interactive io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory label label-file link",
    "link-local-ip log-driver log-opt mac-address memory memory-reservation memory-swap memory-swappiness",
    "mount name net net-alias network network-alias no-healthcheck oom-kill-disable oom-score-adj pid",
    "pids-limit platform privileged publish publish-all pull quiet read-only restart rm runtime",
    "security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt sysctl tmpfs tty ulimit",
    "use-api-socket user userns uts volume volume-driver volumes-from workdir -q -c -d -e -h -i -l -m -p",
    "-P -t -u -v -w -a",
  ].join(" "),
  attach: "detach-keys no-stdin sig-proxy",
  commit: "author change message pause -a -c -m -p",
  cp: "archive follow-link quiet -a -L -q",
  events: "filter format since until -f",
  exec: "detach detach-keys env env-file interactive privileged tty user workdir -d -e -i -t -u -w",
  export: "output -o",
  history: "format human no-trunc platform quiet -H -q",
  images: "all digests filter format no-trunc quiet tree -a -f -q",
  import: "change message platform -c -m",
  info: "format -f",
  inspect: "format size type -f -s",
  kill: "signal -s",
  load: "input platform quiet -i -q",
  logs: "details follow since tail timestamps until -f -n -t",
  ps: "all filter format last latest no-trunc quiet size -a -f -n -l -q -s",
  restart: "signal time timeout -s -t",
  rm: "force link volumes -f -l -v",
  rmi: "force no-prune platform -f",
  save: "output platform -o",
  start: "attach checkpoint checkpoint-dir detach-keys interactive -a -i",
  stats: "all format no-stream no-trunc -a",
  stop: "signal time timeout -s -t",
  update: [
    "blkio-weight cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus",
    "cpuset-mems kernel-memory memory memory-reservation memory-swap pids-limit restart -c -m",
  ].join(" "),
  version: "format -f",
  "network create": [
    "attachable aux-address config-from config-only driver gateway ingress internal ip-range ipam-driver",
    "ipam-opt ipv4 ipv6 label opt scope subnet -d -o",
  ].join(" "),
  "network connect": "alias driver-opt gw-priority ip ip6 link link-local-ip",
  "network disconnect": "force -f",
  "network inspect": "format verbose -f -v",
  "network ls": "filter format no-trunc quiet -f -q",
  "network prune": "filter force -f",
  "network rm": "force -f",
  "volume create": [
    "availability driver group label limit-bytes name opt required-bytes scope secret sharing",
    "topology-preferred topology-required type -d -o",
  ].join(" "),
  "volume inspect": "format -f",
  "volume ls": "cluster filter format quiet -f -q",
  "volume prune": "all filter force -a -f",
  "volume rm": "force -f",
  "system df": "format verbose -v",
  "system prune": "all filter force volumes -a -f",
  "system events": "filter format since until",
  "system info": "format",
  "image inspect": "format platform -f",
  "image prune": "all filter force -a -f",
  "container prune": "filter force -f",
  "container inspect": "format size -f -s",
  "container ls": "all filter format last latest no-trunc quiet size",
  "secret create": "driver label template-driver -d -l",
  "secret inspect": "format pretty -f",
  "secret ls": "filter format quiet -f -q",
};
const ofRun = new Set(["detach", "-d", "detach-keys", "sig-proxy", "help"]);
options.create = options
  .run!.split(" ")
  .filter((name) => !ofRun.has(name))
  .join(" ");

const globals = "config context debug -D host -H log-level -l tls tlscacert tlscert tlskey tlsverify version -v help";

const absent = [
  ..."build builder buildx checkpoint compose config context node plugin".split(" "),
  ..."service stack swarm trust".split(" "),
  ...["image build", "volume update", "system dial-stdio"],
];

async function thrownBy(use: () => unknown): Promise<Failure> {
  try {
    await use();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return error as Failure;
  }
  throw new Error("it was accepted");
}

/** A command of Docker's by its words. */
const find = (words: string) => {
  const [name, word] = words.split(" ");
  return findCommand(commands, name!, word);
};

describe("an option of Docker's", () => {
  test("is known, by its short name too", async () => {
    for (const [words, names] of Object.entries(options)) {
      const { args } = await find(words);
      const known = Object.entries(args).flatMap(([name, { formerly, alias }]) => [name, formerly, `-${alias}`]);
      expect([words, names.split(" ").filter((name) => !["help", ...known].includes(name))]).toEqual([words, []]);
    }
    const known = Object.entries(globalArgs).flatMap(([name, one]) => [name, "alias" in one ? `-${one.alias}` : ""]);
    expect(globals.split(" ").filter((name) => !known.includes(name))).toEqual([]);
  });
  test("that is not there is refused with its name and a reason, and help does not list it", async () => {
    for (const words of [...Object.keys(options), "create"]) {
      const { args } = await find(words);
      for (const [name, { refused, hidden, type }] of Object.entries(args)) {
        if (!refused) continue;
        expect([words, name, hidden]).toEqual([words, name, true]);
        const given =
          type === "boolean" ? `--${name}=${refused.unless?.includes("true") ? "false" : "true"}` : `--${name}=x`;
        const { message } = await thrownBy(() => parseArgv(args, [given], { optionsFirst: false }));
        expect(message).toStartWith(`--${name} `);
        expect(message).toContain(refused.why);
      }
    }
  });
});

describe("a command of Docker's that is not there", () => {
  test("is refused by its name, with what to do instead, and no other command is suggested", async () => {
    for (const words of absent) {
      const error = await thrownBy(() => find(words));
      expect(error.message).toStartWith(`${words} is not supported: `);
      expect(error.hint).toBeTruthy();
      expect(error.hint).not.toContain("did you mean");
    }
  });
  test("is none of those that are", async () => {
    for (const name of Object.keys(commands)) expect(() => refuseAbsent(name)).not.toThrow();
  });
});
