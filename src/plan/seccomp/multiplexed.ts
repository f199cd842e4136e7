/**
 * On some architectures older programs make several calls through one: `socketcall` for those of sockets, `ipc` for those of
 * System V. What a profile says of a call counts for it, too, as far as its arguments are not asked for: they are in memory, where
 * no filter can look.
 */

import type { Architecture } from "../../linux/seccomp/architectures.ts";
import type { Seccomp, SeccompAction, SeccompCalls } from "../../oci/seccomp.ts";

/** The first argument of the outer call, which says what it is (linux/net.h, linux/ipc.h). */
const inner: Record<string, [outer: string, number: number]> = Object.fromEntries([
  ...Object.entries({
    socket: 1,
    bind: 2,
    connect: 3,
    listen: 4,
    accept: 5,
    getsockname: 6,
    getpeername: 7,
    socketpair: 8,
    send: 9,
    recv: 10,
    sendto: 11,
    recvfrom: 12,
    shutdown: 13,
    setsockopt: 14,
    getsockopt: 15,
    sendmsg: 16,
    recvmsg: 17,
    accept4: 18,
    recvmmsg: 19,
    sendmmsg: 20,
  }).map(([name, number]) => [name, ["socketcall", number]]),
  ...Object.entries({
    semop: 1,
    semget: 2,
    semctl: 3,
    semtimedop: 4,
    msgsnd: 11,
    msgrcv: 12,
    msgget: 13,
    msgctl: 14,
    shmat: 21,
    shmdt: 22,
    shmget: 23,
    shmctl: 24,
  }).map(([name, number]) => [name, ["ipc", number]]),
]);

const permissive: SeccompAction[] = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"];

/** A rule about a call as one about the call that it may be made through. */
export function multiplexed(
  architecture: Architecture,
  name: string,
  rule: SeccompCalls,
  { defaultAction }: Seccomp,
): [outer: string, rule: SeccompCalls][] {
  const known = inner[name];
  if (!known || architecture !== "X86") return [];
  const [outer, number] = known;
  // What is allowed with some arguments only is not allowed where they can't be seen; what is refused with some is refused.
  const conditional = (rule.args?.length ?? 0) > 0;
  if (conditional && (permissive.includes(rule.action) || !permissive.includes(defaultAction))) return [];
  // The upper half of the number is a version.
  return [[outer, { ...rule, args: [{ index: 0, op: "SCMP_CMP_MASKED_EQ", value: 0xffff, valueTwo: number }] }]];
}
