/** What a user says of devices. */

export interface DeviceOptions {
  devices?: DeviceRequest[];
  /** Rules of the cgroup's device filter, as Docker writes them: `c 42:* rwm`. */
  rules?: string[];
  /** Devices by their names of the Container Device Interface: `vendor.com/class=name`. */
  cdi?: string[];
  gpus?: GpuRequest[];
}

export interface DeviceRequest {
  /** On the host: a device, or a directory of devices. */
  path: string;
  /** In the container. */
  target: string;
  /** Letters of rwm: read, write, mknod. */
  access: string;
}

export interface GpuRequest {
  /** As nvidia's runtime has them, or none for whichever there is. */
  driver: string;
  /** -1 is all; absent where they are named. */
  count?: number;
  ids?: string[];
  capabilities: string[];
  options: Record<string, string>;
}
