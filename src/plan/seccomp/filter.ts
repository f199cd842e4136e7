/** The filter of one container: its rules as bytes for seccomp(2). Pure. */

import type { Machine } from "../../linux/seccomp/architectures.ts";
import { encode } from "../../linux/seccomp/bpf.ts";
import type { Seccomp } from "../../oci/seccomp.ts";
import { decide } from "./decide.ts";
import { generate } from "./generate.ts";

/** An array of struct sock_filter. @throws InvalidError for more than the kernel takes. */
export const compileFilter = (seccomp: Seccomp, machine: Machine): Uint8Array =>
  encode(generate(decide(seccomp, machine)));
