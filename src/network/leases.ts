/**
 * Who has which address: in a network's directory of leases one file for each, `10.201.0.2`, with the id of the container.
 * The container's monitor holds it locked for life (flock(2)), so that no address is lost when somebody is killed.
 */

import { ConflictError, hasCode, UsageError } from "../errors.ts";
import { readdir } from "../linux/directory.ts";
import {
  close,
  type Fd,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  open,
  openIfAny,
  owned,
  seekToStart,
  writeAll,
} from "../linux/file.ts";
import { flock } from "../linux/flock.ts";
import { linkOpenFile, mkdirAll, unlink } from "../linux/names.ts";
import { sleepMicroseconds } from "../linux/poll.ts";
import { fstat, statIfAny } from "../linux/stat.ts";
import { formatAddress, parseAddress, readAddress } from "../plan/network/address.ts";
import type { Subnet } from "../plan/network/network.ts";
import { parseSubnet } from "../plan/network/subnet.ts";
import { readOpenRecord } from "../record-file.ts";
import { candidates, refusalOf, search } from "./candidates.ts";

export interface Lease {
  /** Without a prefix length. */
  address: string;
  /** Close-on-exec; the address is ours as long as it is open somewhere. */
  lock: Fd;
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
  /** Whether a container runs without its monitor. */
  isAlive: (owner: string) => boolean;
  /** Whether something of the last who had it is still there; then others are taken first. */
  isLeft?: (address: string) => boolean;
}

/**
 * An address for a container: the one that is wanted, the previous one, or any that is free. Those that were used before
 * need not be kept back for a while: a MAC comes from the address, so that neighbours who remember it are right.
 * The directory is not read for it: with 10,000 leases that takes 7 ms.
 * @throws ConflictError if `wanted` is taken, or if all are. @throws UsageError if `wanted` is none that a container can have.
 */
export function takeLease(request: LeaseRequest): Lease {
  const { directory, wanted, previous, isLeft = () => false } = request;
  const subnet = parseSubnet(request.subnet);
  mkdirAll(directory);
  if (wanted !== undefined) return takeWanted(request, formatAddress(parseAddress(wanted)));
  const before = previous === undefined ? undefined : readAddress(previous);
  if (before !== undefined && refusalOf(request, subnet, before) === undefined) {
    const lease = tryLease(request, formatAddress(before));
    if ("lock" in lease) return lease;
  }
  const { at, count } = candidates(request, subnet);
  const isTaken = (number: number): boolean => {
    const address = at(number);
    return address === undefined || statIfAny(`${directory}/${address}`) !== undefined || isLeft(address);
  };
  // Again, because others look for one too.
  for (let tries = 0; tries < quickTries; tries++) {
    const number = search(isTaken, count);
    if (number === undefined) break;
    const lease = tryLease(request, at(number)!);
    if ("lock" in lease) return lease;
  }
  return takeAny(request, at, count);
}

const quickTries = 8;

/** Looks at all of them. */
function takeAny(request: LeaseRequest, at: (number: number) => string | undefined, count: number): Lease {
  const names = new Set(readdir(request.directory));
  const skipped: string[] = [];
  for (let number = 0; number < count; number++) {
    const address = at(number);
    if (address === undefined) continue;
    // Files of the dead count as taken for now: to look at each is slow.
    const lease = names.has(address) ? undefined : tryLease(request, address);
    if (lease && "lock" in lease) return lease;
    skipped.push(address);
  }
  for (const address of skipped) {
    const lease = tryLease(request, address);
    if ("lock" in lease) return lease;
  }
  throw new ConflictError(
    `no address is free in ${request.range ?? request.subnet}: all ${skipped.length} are in use`,
    "remove containers, or create a network with a larger subnet",
  );
}

/** Whoever only looks at a lease holds it for a moment. */
const tries = 5;
const betweenTriesUs = 2000;

function takeWanted(request: LeaseRequest, address: string): Lease {
  const refusal = refusalOf(request, parseSubnet(request.subnet), parseAddress(address));
  if (refusal !== undefined) throw new UsageError(refusal);
  for (let count = 1; ; count++) {
    const lease = tryLease(request, address);
    if ("lock" in lease) return lease;
    if (count === tries) {
      const owner = lease.owner.slice(0, 12) || "that is being started";
      throw new ConflictError(`the address ${address} is taken by container ${owner}`);
    }
    sleepMicroseconds(betweenTriesUs);
  }
}

/** One address, or who has it: an empty string for somebody who has not written it down yet. */
function tryLease({ directory, owner, isAlive }: LeaseRequest, address: string): Lease | { owner: string } {
  const path = `${directory}/${address}`;
  for (;;) {
    const made = makeLease(directory, address, owner);
    if (made) return made;
    using lock = owned(openLease(path));
    if (lock === undefined) continue;
    const locked = flock(lock.fd, { wait: false });
    const had = ownerIn(lock.fd, path);
    // A container may outlive its monitor.
    if (!locked || (had !== "" && had !== owner && isAlive(had))) return { owner: had };
    // Between open and lock its owner may have given it back, and another made a new file.
    if (fstat(lock.fd).nlink === 0) continue;
    seekToStart(lock.fd);
    try {
      writeAll(lock.fd, new TextEncoder().encode(`${owner}\n`), path);
    } catch (error) {
      releaseLease(directory, { address, lock: lock.handOff() }); // the disk is full
      throw error;
    }
    return { address, lock: lock.handOff() };
  }
}

/** A lease where there is none: locked and with its owner in it from the first moment, so that whoever is killed leaves no riddle. */
function makeLease(directory: string, address: string, owner: string): Lease | undefined {
  const path = `${directory}/${address}`;
  if (statIfAny(path)) return undefined;
  using lock = owned(open(directory, O_TMPFILE | O_RDWR, 0o600));
  flock(lock.fd, { wait: false });
  writeAll(lock.fd, new TextEncoder().encode(`${owner}\n`), path);
  return linkOpenFile(lock.fd, path) ? { address, lock: lock.handOff() } : undefined;
}

/** One that is no file is nobody's, and is taken away. */
function openLease(path: string): Fd | undefined {
  try {
    return openIfAny(path, O_RDWR | O_NONBLOCK);
  } catch (error) {
    if (!hasCode(error, "EISDIR")) throw error;
    unlink(path);
    return undefined;
  }
}

/** What is not a whole line was being written when somebody was killed; what cannot be read is as good as that. */
function ownerIn(lock: Fd, path: string): string {
  const text = readOpenRecord(lock, path);
  if (typeof text !== "string") return "";
  const end = text.indexOf("\n");
  return end === -1 ? "" : text.slice(0, end);
}

/** Gives an address back. */
export function releaseLease(directory: string, { address, lock }: Lease): void {
  // Who removed the network has removed the file, and the name may be another's.
  if (fstat(lock).nlink > 0) unlink(`${directory}/${address}`);
  close(lock);
}

/** Removes the file of a lease whose owner was killed, unless another has the address by now. */
export function dropLease(directory: string, address: string, owner: string): void {
  const path = `${directory}/${address}`;
  using lock = owned(openLease(path));
  if (lock && flock(lock.fd, { wait: false }) && ownerIn(lock.fd, path) === owner)
    releaseLease(directory, { address, lock: lock.handOff() });
}

/** Removes the files of all leases that nobody holds, but for those of containers that live on without their monitor. */
export function dropStrays(directory: string, isAlive: (owner: string) => boolean): void {
  for (const { address, owner, held } of listLeases(directory))
    if (!held && !isAlive(owner)) dropLease(directory, address, owner);
}

/** All leases, also of those who are dead: `held` says whether the container has a monitor. */
export function listLeases(directory: string): { address: string; owner: string; held: boolean }[] {
  return (readdir(directory) ?? []).flatMap((address) => {
    const path = `${directory}/${address}`;
    using file = owned(openIfAny(path, O_RDONLY | O_NONBLOCK));
    return file ? { address, owner: ownerIn(file.fd, path), held: !flock(file.fd, { wait: false, shared: true }) } : [];
  });
}
