/**
 * Who has which address: in a network's directory of leases one file for each, `10.201.0.2`, with the id of the container.
 * Who looks after the container holds it locked for life (flock(2)), so that no address is lost when somebody is killed.
 */

import { ConflictError, UsageError } from "../errors.ts";
import {
  close,
  flock,
  fstat,
  mkdirAll,
  O_CREAT,
  O_EXCL,
  O_RDWR,
  open,
  openIfAny,
  readAll,
  readdir,
  unlink,
  writeAll,
} from "../linux/file.ts";
import { allow } from "../linux/libc.ts";
import { sleepMicroseconds } from "../linux/poll.ts";
import { formatAddress, parseAddress, readAddress } from "../plan/address.ts";
import type { Subnet } from "../plan/network.ts";
import { addressAfter, contains, hostOffsets, lastAddress, type Prefix, parseSubnet } from "../plan/subnet.ts";

export interface Lease {
  /** Without a prefix length. */
  address: string;
  /** Close-on-exec; the address is ours as long as it is open somewhere. */
  lock: number;
}

export interface LeaseRequest extends Subnet {
  /** Of the network's leases; made if it is not there. */
  directory: string;
  /** This address and no other. */
  wanted?: string | undefined;
  /** The one that the container had before; another if somebody has it now. */
  previous?: string | undefined;
  /** Id of the container. */
  owner: string;
  /** Whether a container runs although nobody looks after it. */
  isAlive: (owner: string) => boolean;
}
