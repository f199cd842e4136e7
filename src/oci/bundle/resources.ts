/** `linux.resources` of a config.json: the limits of the container's cgroup. */

import type { DeviceRule } from "../rare.ts";
import type { BlockIo, Cpu, DeviceRate, DeviceWeight, Memory, Resources } from "../spec.ts";
import { numberList } from "./process.ts";
import {
  flag,
  int64,
  integer,
  listOf,
  mapOf,
  optional,
  structure,
  text,
  textLike,
  uint16,
  uint32,
  uint64,
  word,
} from "./reader.ts";

/** Bytes; -1 is unlimited. */
const bytes = integer(-1, 2 ** 63);

const memory = structure<Memory>({
  limit: optional(bytes),
  reservation: optional(bytes),
  swap: optional(bytes),
  kernel: optional(bytes),
  kernelTCP: optional(bytes),
  swappiness: optional(integer(0, 100)),
  disableOOMKiller: optional(flag),
  useHierarchy: optional(flag),
  checkBeforeUpdate: optional(flag),
});

const cpu = structure<Cpu>({
  shares: optional(uint64),
  quota: optional(int64),
  burst: optional(uint64),
  period: optional(uint64),
  realtimeRuntime: optional(int64),
  realtimePeriod: optional(uint64),
  cpus: optional(numberList),
  mems: optional(numberList),
  idle: optional(integer(0, 1)),
});

const deviceId = { major: uint32, minor: uint32 };
const rates = optional(listOf(structure<DeviceRate>({ ...deviceId, rate: uint64 })));

const blockIO = structure<BlockIo>({
  weight: optional(uint16),
  leafWeight: optional(uint16),
  weightDevice: optional(
    listOf(structure<DeviceWeight>({ ...deviceId, weight: optional(uint16), leafWeight: optional(uint16) })),
  ),
  throttleReadBpsDevice: rates,
  throttleWriteBpsDevice: rates,
  throttleReadIOPSDevice: rates,
  throttleWriteIOPSDevice: rates,
});

/** -1 stands for all, as absent does: callers write both. */
const deviceNumber = integer(-1, 2 ** 32 - 1);

export const deviceRule = structure<DeviceRule>({
  allow: flag,
  type: optional(word("a", "c", "b")),
  major: optional(deviceNumber),
  minor: optional(deviceNumber),
  access: optional(textLike(/^[rwm]*$/, "made of r, w and m")),
});

export const resources = structure<Resources>({
  devices: optional(listOf(deviceRule)),
  memory: optional(memory),
  cpu: optional(cpu),
  pids: optional(structure<{ limit: number }>({ limit: int64 })),
  blockIO: optional(blockIO),
  hugepageLimits: optional(
    listOf(
      structure<{ pageSize: string; limit: number }>({
        pageSize: textLike(/^[1-9]\d*[KMG]B$/, "a size as 64KB, 2MB, 1GB"),
        limit: uint64,
      }),
    ),
  ),
  network: optional(
    structure<{ classID?: number; priorities?: { name: string; priority: number }[] }>({
      classID: optional(uint32),
      priorities: optional(listOf(structure<{ name: string; priority: number }>({ name: text, priority: uint32 }))),
    }),
  ),
  rdma: optional(
    mapOf(
      structure<{ hcaHandles?: number; hcaObjects?: number }>({
        hcaHandles: optional(uint32),
        hcaObjects: optional(uint32),
      }),
    ),
  ),
  unified: optional(mapOf(text)),
});
