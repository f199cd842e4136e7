/** What a user says of memory, CPUs and devices beyond the three limits that most ask for. Absent is as if nothing was said. */

export interface ResourceOptions {
  /** Memory and swap together, as Docker counts; -1 is unlimited. Absent: as much swap again as memory. */
  memorySwapBytes?: number;
  /** What the kernel leaves it as long as there is other memory to take. */
  memoryReservationBytes?: number;
  /** 2 to 262144, beside the 1024 of others. */
  cpuShares?: number;
  /** µs. */
  cpuPeriodUs?: number;
  /** µs in each period; -1 is unlimited. */
  cpuQuotaUs?: number;
  /** `0-2,4` */
  cpusetCpus?: string;
  /** The same of memory nodes. */
  cpusetMems?: string;
  /** 10 to 1000. */
  blkioWeight?: number;
  blkioWeightDevices?: DeviceFigure[];
  /** Bytes or operations in a second. */
  deviceReadBps?: DeviceFigure[];
  deviceWriteBps?: DeviceFigure[];
  deviceReadIops?: DeviceFigure[];
  deviceWriteIops?: DeviceFigure[];
  /** What it may write to its root. */
  storageBytes?: number;
  /** The cgroup that the container's is made in. */
  cgroupParent?: string;
}

/** A figure for one disk, which is named by its path on the host. */
export interface DeviceFigure {
  path: string;
  value: number;
}
