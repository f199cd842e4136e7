/**
 * What the matrix runs: each a shell script that ends well where the program works, and prints what is to be the same with
 * every user namespace. `root` of an `outside` script runs in the sandbox, beside the container's own commands.
 */

/** One line of the table. */
export interface Program {
  name: string;
  /** Options of `run`, but `--userns`. */
  options?: string;
  /** For sh(1) in the container. */
  inside?: string;
  /** For sh(1) beside the containers: `td` is tinydocker, `new` is `td run` with the options of the round. */
  outside?: string;
}

/** What scripts call: `await COMMAND...` tries until it works, 30 s at most. */
export const inEveryScript = `
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
await() { n=0; until "$@" >/tmp/awaited 2>&1; do n=$((n+1)); [ $n -lt 300 ] || { tail -n 3 /tmp/awaited; return 1; }; sleep 0.1; done; }
users() { ps -o user= -C "$1" | sort -u | tr '\\n' ' '; echo; }
`;
