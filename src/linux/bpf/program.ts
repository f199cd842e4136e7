/** Programs that the kernel runs for a cgroup's processes: bpf(2), loaded, attached, found and replaced. */

import type { SyscallError } from "../../errors.ts";
import { close, type Fd, owned } from "../file.ts";
import { check, memory, pointerTo, syscall } from "../libc.ts";

const command = { load: 5, attach: 8, detach: 9, fdOfId: 13, info: 15, query: 16 } as const;

const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
/** Those of the cgroups above count too, and others beside it. */
const BPF_F_ALLOW_MULTI = 2;
const BPF_F_REPLACE = 4;

const instructionBytes = 8;
/** The attributes of a load up to the type of the attachment; then an empty licence; then the program. */
const loadBytes = 72;
const codeAt = 80;

/**
 * Loads a device filter. It lives while a descriptor or a cgroup has it. (Its memory counts for RLIMIT_MEMLOCK before Linux 5.11 only.)
 * @param name at most 15 characters, by which it is found again.
 * @throws SyscallError with what the kernel's verifier says of it.
 */
export function loadDeviceFilter(name: string, code: Uint8Array): Fd {
  const attributes = loadAttributes(name, code);
  try {
    return load(attributes);
  } catch (error) {
    throw withVerifierLog(error as SyscallError, name, code);
  }
}

const load = (attributes: Uint8Array): Fd =>
  check("bpf", "BPF_PROG_LOAD", syscall("bpf", command.load, attributes, loadBytes)) as Fd;

/** What the kernel reads through addresses lies in the same memory. */
function loadAttributes(name: string, code: Uint8Array, logBytes = 0): Uint8Array<ArrayBuffer> {
  const attributes = memory(codeAt + code.length + logBytes);
  const address = pointerTo(attributes);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
  view.setUint32(4, code.length / instructionBytes, true);
  view.setBigUint64(8, address + BigInt(codeAt), true);
  view.setBigUint64(16, address + BigInt(loadBytes), true);
  if (logBytes > 0) {
    view.setUint32(24, 1, true);
    view.setUint32(28, logBytes, true);
    view.setBigUint64(32, address + BigInt(codeAt + code.length), true);
  }
  for (let index = 0; index < name.length; index++) attributes[48 + index] = name.charCodeAt(index);
  attributes.set(code, codeAt);
  return attributes;
}

const logBytes = 1 << 16;
const logLines = 4;

/** Asks again, with a log: without one the kernel is quicker, and says only EINVAL. */
function withVerifierLog(error: SyscallError, name: string, code: Uint8Array): SyscallError {
  const attributes = loadAttributes(name, code, logBytes);
  try {
    close(load(attributes));
  } catch {
    // The same failure again.
  }
  const log = textAt(attributes, codeAt + code.length).trim();
  if (log !== "") error.message += `; the kernel's verifier says: ${log.split("\n").slice(-logLines).join("; ")}`;
  return error;
}

/** Up to the NUL. */
const textAt = (bytes: Uint8Array, from: number): string =>
  new TextDecoder().decode(bytes.subarray(from, bytes.indexOf(0, from)));

/** Puts a program on a cgroup, beside those that it has. @param old in whose place. */
export function attachDeviceFilter(cgroup: Fd, program: Fd, old?: Fd): void {
  const attributes = memory(20);
  new Uint32Array(attributes.buffer).set([
    cgroup,
    program,
    BPF_CGROUP_DEVICE,
    old === undefined ? BPF_F_ALLOW_MULTI : BPF_F_ALLOW_MULTI | BPF_F_REPLACE,
    old ?? 0,
  ]);
  check("bpf", "BPF_PROG_ATTACH", syscall("bpf", command.attach, attributes, attributes.length));
}

export function detachDeviceFilter(cgroup: Fd, program: Fd): void {
  const attributes = memory(20);
  new Uint32Array(attributes.buffer).set([cgroup, program, BPF_CGROUP_DEVICE]);
  check("bpf", "BPF_PROG_DETACH", syscall("bpf", command.detach, attributes, attributes.length));
}

/** What a cgroup may have of them (BPF_CGROUP_MAX_PROGS). */
const mostPrograms = 64;
const queryBytes = 32;

/** The device filters of this name that a cgroup has itself, opened. */
export function openDeviceFilters(cgroup: Fd, name: string): Fd[] {
  const attributes = memory(queryBytes + 4 * mostPrograms);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, cgroup, true);
  view.setUint32(4, BPF_CGROUP_DEVICE, true);
  view.setBigUint64(16, pointerTo(attributes) + BigInt(queryBytes), true);
  view.setUint32(24, mostPrograms, true);
  check("bpf", "BPF_PROG_QUERY", syscall("bpf", command.query, attributes, queryBytes));
  const found: Fd[] = [];
  for (let index = 0; index < view.getUint32(24, true); index++) {
    using program = owned(openById(view.getUint32(queryBytes + 4 * index, true)));
    if (nameOf(program.fd) === name) found.push(program.handOff());
  }
  return found;
}

function openById(id: number): Fd {
  const attributes = memory(12);
  new Uint32Array(attributes.buffer)[0] = id;
  return check("bpf", `BPF_PROG_GET_FD_BY_ID ${id}`, syscall("bpf", command.fdOfId, attributes, 12)) as Fd;
}

const askBytes = 16;
/** struct bpf_prog_info up to the name, and where that is. */
const infoBytes = 80;
const nameAt = 64;

function nameOf(program: Fd): string {
  const attributes = memory(askBytes + infoBytes);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, program, true);
  view.setUint32(4, infoBytes, true);
  view.setBigUint64(8, pointerTo(attributes) + BigInt(askBytes), true);
  check("bpf", "BPF_OBJ_GET_INFO_BY_FD", syscall("bpf", command.info, attributes, askBytes));
  return textAt(attributes, askBytes + nameAt);
}
