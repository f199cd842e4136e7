/** The errnos (errno(3)): names, meanings, and numbers, which are those of asm-generic that x86_64 and arm64 share. */

/** Errnos that are an answer more often than a failure. */
export const errnos = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ENXIO: 6,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  EROFS: 30,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EXFULL: 54,
  ENODATA: 61,
  ERESTART: 85,
  EMSGSIZE: 90,
  EPROTONOSUPPORT: 93,
  ESOCKTNOSUPPORT: 94,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ECONNREFUSED: 111,
  EINPROGRESS: 115,
} as const;
export type ErrnoName = keyof typeof errnos;

export const { EPERM, ENOENT, ESRCH, EINTR, ENXIO, EAGAIN, ENOMEM, EACCES, EBUSY, EEXIST, ENODEV, ENOTDIR } = errnos;
export const {
  EISDIR,
  EINVAL,
  ENFILE,
  EMFILE,
  ENOTEMPTY,
  EXFULL,
  ENODATA,
  ERESTART,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} = errnos;
export const { EOPNOTSUPP, EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL, ENETUNREACH, ECONNABORTED, ECONNRESET } = errnos;
export const { ENOBUFS, ECONNREFUSED, EINPROGRESS } = errnos;

/** The symbolic name and meaning of an errno; numbers nobody named stay numbers. */
export function describeErrno(errno: number): [name: string, meaning: string] {
  const line = table.split("\n").find((text) => text.startsWith(`${errno} `));
  if (line === undefined) return [`errno ${errno}`, "unknown error"];
  const [, name, meaning] = /^\d+ (\S+) (.*)$/.exec(line)!;
  return [name!, meaning!];
}

/** The number of an errno by its name. */
export function errnoNamed(name: string): number | undefined {
  const line = table.split("\n").find((text) => text.split(" ", 2)[1] === name);
  return line === undefined ? undefined : Number.parseInt(line, 10);
}

// One string, taken apart when there is an error to describe: a start-up without one pays nothing for it.
const table = `
1 EPERM operation not permitted
2 ENOENT no such file or directory
3 ESRCH no such process
4 EINTR interrupted system call
5 EIO input/output error
6 ENXIO no such device or address
7 E2BIG argument list too long
8 ENOEXEC not an executable the kernel knows
9 EBADF bad file descriptor
10 ECHILD no child processes
11 EAGAIN resource temporarily unavailable
12 ENOMEM out of memory
13 EACCES permission denied
14 EFAULT bad address
15 ENOTBLK block device required
16 EBUSY device or resource busy
17 EEXIST it exists already
18 EXDEV crosses file systems, or leaves the root
19 ENODEV no such device
20 ENOTDIR not a directory
21 EISDIR is a directory
22 EINVAL invalid argument
23 ENFILE too many open files in the system
24 EMFILE too many open files
25 ENOTTY not a terminal, or not a device that knows this request
26 ETXTBSY the program is running
27 EFBIG file too large
28 ENOSPC no space left
29 ESPIPE cannot seek in a pipe
30 EROFS read-only file system
31 EMLINK too many links
32 EPIPE nobody reads the pipe
33 EDOM argument out of domain
34 ERANGE result too large
35 EDEADLK would deadlock
36 ENAMETOOLONG file name too long
37 ENOLCK no locks available
38 ENOSYS this kernel does not have the call
39 ENOTEMPTY directory not empty
40 ELOOP a symbolic link where none is allowed, or too many
54 EXFULL no room for another
61 ENODATA no such attribute
71 EPROTO protocol error
75 EOVERFLOW value too large
80 ELIBBAD corrupted shared library
87 EUSERS too many nested namespaces
88 ENOTSOCK not a socket
90 EMSGSIZE message too long
92 ENOPROTOOPT protocol option not available
93 EPROTONOSUPPORT protocol not supported
94 ESOCKTNOSUPPORT socket type not supported
95 EOPNOTSUPP operation not supported
97 EAFNOSUPPORT address family not supported
98 EADDRINUSE address in use
99 EADDRNOTAVAIL address not available
100 ENETDOWN network is down
101 ENETUNREACH network unreachable
103 ECONNABORTED connection aborted
104 ECONNRESET connection reset
105 ENOBUFS no buffer space
107 ENOTCONN not connected
110 ETIMEDOUT timed out
111 ECONNREFUSED connection refused
113 EHOSTUNREACH host unreachable
116 ESTALE stale file handle
117 EUCLEAN the file system needs repair
122 EDQUOT disk quota exceeded
`;
