/** The system calls that programs make: their numbers on x86_64 and arm64, and their arguments as the man pages name them. */

const calls = {
  capset: [126, 91, "hdrp datap"],
  chdir: [80, 49, "path"],
  close: [3, 57, "fd"],
  close_range: [436, 436, "first last flags"],
  dup3: [292, 24, "oldfd newfd flags"],
  execve: [59, 221, "pathname argv envp"],
  exit_group: [231, 94, "status"],
  fchdir: [81, 50, "fd"],
  fchown: [93, 55, "fd owner group"],
  fchownat: [260, 54, "dirfd pathname owner group flags"],
  fsconfig: [431, 431, "fd cmd key value aux"],
  fsmount: [432, 432, "fsfd flags attr_flags"],
  fsopen: [430, 430, "fsname flags"],
  fstatfs: [138, 44, "fd buf"],
  getpid: [39, 172, ""],
  ioctl: [16, 29, "fd request argp"],
  ioprio_set: [251, 30, "which who ioprio"],
  keyctl: [250, 219, "operation arg2"],
  kill: [62, 129, "pid sig"],
  madvise: [28, 233, "addr length advice"],
  mkdirat: [258, 34, "dirfd pathname mode"],
  mknodat: [259, 33, "dirfd pathname mode dev"],
  mmap: [9, 222, "addr length prot flags fd offset"],
  mount: [165, 40, "source target filesystemtype mountflags data"],
  mount_setattr: [442, 442, "dirfd pathname flags attr size"],
  move_mount: [429, 429, "from_dirfd from_pathname to_dirfd to_pathname flags"],
  munmap: [11, 215, "addr length"],
  open_tree: [428, 428, "dirfd pathname flags"],
  openat: [257, 56, "dirfd pathname flags mode"],
  openat2: [437, 437, "dirfd pathname how size"],
  personality: [135, 92, "persona"],
  pivot_root: [155, 41, "new_root put_old"],
  ppoll: [271, 73, "fds nfds tmo_p sigmask"],
  prctl: [157, 167, "option arg2 arg3 arg4 arg5"],
  prlimit64: [302, 261, "pid resource new_limit old_limit"],
  read: [0, 63, "fd buf count"],
  rt_sigaction: [13, 134, "signum act oldact sigsetsize"],
  rt_sigprocmask: [14, 135, "how set oldset sigsetsize"],
  rt_sigtimedwait: [128, 137, "set info timeout sigsetsize"],
  sched_setaffinity: [203, 122, "pid cpusetsize mask"],
  sched_setscheduler: [144, 119, "pid policy param"],
  sendmsg: [46, 211, "sockfd msg flags"],
  set_mempolicy: [238, 237, "mode nodemask maxnode"],
  setgroups: [116, 159, "size list"],
  sethostname: [170, 161, "name len"],
  setns: [308, 268, "fd nstype"],
  setpgid: [109, 154, "pid pgid"],
  setpriority: [141, 140, "which who prio"],
  setresgid: [119, 149, "rgid egid sgid"],
  setresuid: [117, 147, "ruid euid suid"],
  setsid: [112, 157, ""],
  signalfd4: [289, 74, "fd mask sizemask flags"],
  socket: [41, 198, "domain type protocol"],
  statx: [332, 291, "dirfd pathname flags mask statxbuf"],
  symlinkat: [266, 36, "target newdirfd linkpath"],
  umask: [95, 166, "mask"],
  umount2: [166, 39, "target flags"],
  unshare: [272, 97, "flags"],
  waitid: [247, 95, "idtype id infop options rusage"],
  write: [1, 64, "fd buf count"],
} as const;

export type CallName = keyof typeof calls;

const column = process.arch === "arm64" ? 1 : 0;

/** What the kernel knows a call by, on this architecture. */
export const callNumber = (name: CallName): number => calls[name][column];

/** The names of a call's arguments. */
export const argumentNames = (name: CallName): string[] => calls[name][2].split(" ").filter(Boolean);
