/* attempts - what the kernel answers to typical arguments of calls that a container may or may not make: a line for each,
 * `what: errno`, "ok", or the signal that ended it. Each is made by a process of its own, so that none changes the next. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static char label[1024];

static pid_t begin(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    signal(SIGALRM, SIG_DFL);
    alarm(20);
    errno = 0;
  }
  return child;
}

static void finish(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("%s: signal %d\n", label, WTERMSIG(status));
  else printf("%s: %s\n", label, WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) ?: "unknown" : "ok");
}

/* Whatever a call may have made of the process: only the first one's end is looked at. */
static void end(long result) { _exit(result == -1 ? errno : 0); }

#define TRY(expression, ...)                                \
  do {                                                      \
    snprintf(label, sizeof label, __VA_ARGS__);             \
    pid_t child = begin();                                  \
    if (child == 0) end((long)(expression));                \
    finish(child);                                          \
  } while (0)

static void sockets(void) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_DCCP, SOCK_PACKET};
  int pair[2];
  for (int family = 0; family < 47; family++)
    for (unsigned type = 0; type < sizeof types / sizeof *types; type++)
      TRY(socket(family, types[type], 0), "socket family %d type %d", family, types[type]);
  for (int protocol = 0; protocol < 23; protocol++)
    TRY(socket(AF_NETLINK, SOCK_RAW, protocol), "socket netlink protocol %d", protocol);
  for (int protocol = 1; protocol < 256; protocol += protocol < 6 ? 5 : 11)
    TRY(socket(AF_INET, SOCK_RAW, protocol), "socket inet raw protocol %d", protocol);
  TRY(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), "socket inet ping");
  TRY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), "socketpair unix");
}

static long bindTo(int type, int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  return bind(socket(AF_INET, type, 0), (struct sockaddr *)&at, sizeof at);
}

static long option(int level, int name) {
  int one = 1;
  return setsockopt(socket(AF_INET, SOCK_STREAM, 0), level, name, &one, sizeof one);
}

static void network(void) {
  static const int options[] = {SO_DEBUG, SO_PRIORITY, SO_MARK, SO_RCVBUFFORCE, SO_SNDBUFFORCE, SO_BINDTODEVICE, SO_BUSY_POLL};
  for (int port = 80; port < 2000; port += 943) {
    TRY(bindTo(SOCK_STREAM, port), "bind tcp %d", port);
    TRY(bindTo(SOCK_DGRAM, port), "bind udp %d", port);
  }
  for (unsigned i = 0; i < sizeof options / sizeof *options; i++)
    TRY(option(SOL_SOCKET, options[i]), "setsockopt socket %d", options[i]);
  TRY(option(IPPROTO_IP, IP_TRANSPARENT), "setsockopt ip transparent");
  TRY(option(IPPROTO_IP, IP_FREEBIND), "setsockopt ip freebind");
  for (int request = 0x8910; request < 0x8950; request++) {
    char ifreq[64] = "lo";
    TRY(ioctl(socket(AF_INET, SOCK_DGRAM, 0), request, ifreq), "ioctl of a socket %#x", request);
  }
}

static long cloned(unsigned long flags) {
  long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  return child;
}

static void namespaces(void) {
  static const struct { const char *name; unsigned long flag; } kinds[] = {
      {"time", 0x80},       {"vm", 0x100},          {"fs", 0x200},         {"files", 0x400},      {"mnt", 0x20000},
      {"sysvsem", 0x40000}, {"cgroup", 0x2000000},  {"uts", 0x4000000},    {"ipc", 0x8000000},    {"user", 0x10000000},
      {"pid", 0x20000000},  {"net", 0x40000000}};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char path[64];
    int fd;
    unsigned long flag = kinds[i].flag;
    TRY(unshare(flag), "unshare %s", kinds[i].name);
    TRY(unshare(flag | 0x10000000), "unshare user and %s", kinds[i].name);
    if (flag > 0x400) TRY(cloned(flag), "clone %s", kinds[i].name);
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i].name);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) continue;
    TRY(setns(fd, flag), "setns %s", kinds[i].name);
    TRY(setns(fd, 0), "setns of any kind, %s", kinds[i].name);
    close(fd);
  }
  TRY(setns(syscall(SYS_pidfd_open, getppid() ?: 1, 0), 0x20000), "setns of a process");
  TRY(cloned(0x8000), "clone parent");
}

static long traced(int request) {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  long result = ptrace(request, child, 0, 0);
  int error = errno;
  kill(child, SIGKILL);
  errno = error;
  return result;
}

static long otherMemory(void) {
  char from[8], to[8];
  struct iovec local = {to, 8}, remote = {from, 8};
  return syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0);
}

static void processes(void) {
  struct sched_param high = {.sched_priority = 5};
  struct rlimit limit;
  static const long personalities[] = {0, 8, 0x20000, 0x20008, 0xffffffff, 0x40000, 0x400000, 0x100000, 2, 6};
  TRY(ptrace(PTRACE_TRACEME, 0, 0, 0), "ptrace traceme");
  TRY(traced(PTRACE_ATTACH), "ptrace attach");
  TRY(traced(PTRACE_SEIZE), "ptrace seize");
  TRY(ptrace(PTRACE_SEIZE, 1, 0, 0), "ptrace seize 1");
  TRY(otherMemory(), "process_vm_readv");
  TRY(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 1), "kcmp");
  TRY(syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, getpid(), 0), 1, 0), "pidfd_getfd");
  TRY(syscall(SYS_process_madvise, syscall(SYS_pidfd_open, getpid(), 0), 0, 0, 20, 0), "process_madvise");
  for (unsigned i = 0; i < sizeof personalities / sizeof *personalities; i++)
    TRY(syscall(SYS_personality, personalities[i]), "personality %#lx", personalities[i]);
  for (int policy = 0; policy < 7; policy++) {
    struct sched_param param = {.sched_priority = policy == 1 || policy == 2 ? 5 : 0};
    TRY(sched_setscheduler(0, policy, &param), "sched_setscheduler %d", policy);
  }
  TRY(sched_setparam(0, &high), "sched_setparam");
  TRY(setpriority(PRIO_PROCESS, 0, -10), "setpriority -10");
  TRY(setpriority(PRIO_PROCESS, 0, 10), "setpriority 10");
  TRY(syscall(SYS_ioprio_set, 1, 0, 1 << 13), "ioprio_set realtime");
  TRY(syscall(SYS_ioprio_set, 1, 0, 3 << 13), "ioprio_set idle");
  for (int resource = 0; resource < 16; resource++) {
    getrlimit(resource, &limit);
    limit.rlim_max = limit.rlim_max == RLIM_INFINITY ? RLIM_INFINITY : limit.rlim_max + 1;
    TRY(setrlimit(resource, &limit), "setrlimit %d above the hard limit", resource);
  }
  TRY(setuid(1000), "setuid");
  TRY(setgid(1000), "setgid");
  TRY(setgroups(0, NULL), "setgroups");
  TRY(chroot("/"), "chroot");
  TRY(kill(1, 0), "kill 1");
  for (int type = 0; type < 15; type++)
    TRY(syscall(SYS_prctl, PR_SET_MM, type, 0, 0, 0), "prctl mm %d", type);
  TRY(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), "prctl securebits");
  TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl no_new_privs");
  TRY(prctl(PR_SET_DUMPABLE, 0), "prctl dumpable");
  TRY(prctl(PR_SET_PTRACER, -1), "prctl ptracer");
  TRY(prctl(PR_SET_TIMERSLACK, 1), "prctl timerslack");
  TRY(prctl(PR_SET_CHILD_SUBREAPER, 1), "prctl subreaper");
  for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
    TRY(prctl(PR_CAPBSET_READ, capability) - 1, "bounding set %d", capability);
    TRY(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "ambient capability %d", capability);
  }
}

static void devices(void) {
  static const int nodes[][2] = {{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {1, 11}, {4, 0}, {4, 64},
                                 {5, 0}, {5, 1}, {5, 2}, {10, 200}, {10, 229}, {10, 232}, {10, 237}, {13, 0}, {29, 0},
                                 {108, 0}, {136, 0}, {202, 0}, {226, 0}};
  static const int disks[][2] = {{1, 0}, {7, 0}, {8, 0}, {253, 0}, {254, 0}, {259, 0}};
  struct dirent *entry;
  DIR *dev = opendir("/dev");
  char *names[256];
  int count = 0;
  while (dev && (entry = readdir(dev)) && count < 256)
    if (entry->d_name[0] != '.') names[count++] = strdup(entry->d_name);
  if (dev) closedir(dev);
  for (int i = 0; i < count; i++)
    for (int j = i + 1; j < count; j++)
      if (strcmp(names[i], names[j]) > 0) {
        char *name = names[i];
        names[i] = names[j];
        names[j] = name;
      }
  for (int i = 0; i < count; i++) {
    char path[512];
    snprintf(path, sizeof path, "/dev/%s", names[i]);
    TRY(open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY), "open %s to read", path);
    TRY(open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY), "open %s to write", path);
  }
  for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
    TRY(mknod("/work/node", S_IFCHR | 0666, makedev(nodes[i][0], nodes[i][1])), "mknod c %d:%d", nodes[i][0], nodes[i][1]);
    TRY(open("/work/node", O_RDWR | O_NONBLOCK | O_NOCTTY), "open c %d:%d", nodes[i][0], nodes[i][1]);
    unlink("/work/node");
  }
  for (unsigned i = 0; i < sizeof disks / sizeof *disks; i++) {
    TRY(mknod("/work/node", S_IFBLK | 0666, makedev(disks[i][0], disks[i][1])), "mknod b %d:%d", disks[i][0], disks[i][1]);
    TRY(open("/work/node", O_RDONLY | O_NONBLOCK), "open b %d:%d", disks[i][0], disks[i][1]);
    unlink("/work/node");
  }
  TRY(mknod("/tmp/fifo", S_IFIFO | 0600, 0), "mknod fifo");
  TRY(mknod("/tmp/socket", S_IFSOCK | 0600, 0), "mknod socket");
}

static void mounts(void) {
  char line[256], *types[128];
  int count = 0, fs, tree;
  FILE *file = fopen("/proc/filesystems", "re");
  while (file && fgets(line, sizeof line, file) && count < 128) {
    line[strcspn(line, "\n")] = 0;
    types[count++] = strdup(strrchr(line, '\t') + 1);
  }
  if (file) fclose(file);
  for (int i = 0; i < count; i++) {
    TRY(mount("none", "/tmp", types[i], 0, NULL), "mount %s", types[i]);
    TRY(syscall(SYS_fsopen, types[i], 0), "fsopen %s", types[i]);
  }
  TRY(mount("/proc", "/tmp", NULL, MS_BIND, NULL), "mount bind");
  TRY(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL), "mount remount");
  TRY(mount(NULL, "/", NULL, MS_SHARED, NULL), "mount shared");
  TRY(mount("/proc", "/tmp", NULL, MS_MOVE, NULL), "mount move");
  TRY(umount2("/proc", MNT_DETACH), "umount2");
  TRY(syscall(SYS_pivot_root, "/tmp", "/tmp"), "pivot_root");
  TRY(tree = syscall(SYS_open_tree, AT_FDCWD, "/", 1), "open_tree clone");
  TRY(syscall(SYS_move_mount, AT_FDCWD, "/tmp", AT_FDCWD, "/tmp", 0), "move_mount");
  TRY(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, NULL, 0), "mount_setattr");
  TRY(fs = syscall(SYS_fspick, AT_FDCWD, "/", 0), "fspick");
  TRY(syscall(SYS_quotactl, 0x800002 << 8, "/dev/null", 0, 0), "quotactl");
  TRY(syscall(SYS_swapon, "/nowhere", 0), "swapon");
  TRY(syscall(SYS_swapoff, "/nowhere"), "swapoff");
}

static long setAttribute(const char *name) { return setxattr("/tmp", name, "x", 1, 0); }

static void files(void) {
  struct { unsigned bytes; int type; unsigned char handle[128]; } handle = {.bytes = 128};
  int mountId;
  TRY(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &handle, &mountId, 0), "name_to_handle_at");
  TRY(syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY), "open_by_handle_at");
  TRY(syscall(SYS_fanotify_init, 0, 0), "fanotify_init");
  TRY(syscall(SYS_fanotify_init, 0x200, 0), "fanotify_init of files");
  TRY(syscall(SYS_inotify_init1, 0), "inotify_init1");
  TRY(syscall(SYS_landlock_create_ruleset, NULL, 0, 1), "landlock_create_ruleset");
  TRY(setAttribute("user.x"), "setxattr user");
  TRY(setAttribute("trusted.x"), "setxattr trusted");
  TRY(setAttribute("security.x"), "setxattr security");
  TRY(chown("/tmp", 1000, 1000), "chown");
  TRY(chmod("/tmp", 07777), "chmod suid");
  TRY(syscall(SYS_memfd_create, "x", 0), "memfd_create");
  TRY(syscall(447, 0), "memfd_secret");
  TRY(syscall(SYS_execveat, AT_FDCWD, "/nowhere", NULL, NULL, 0), "execveat");
  for (int how = 0; how < 3; how++)
    TRY(open(how == 0 ? "/proc/sys/kernel/hostname" : how == 1 ? "/proc/sysrq-trigger" : "/sys/kernel/uevent_helper", O_WRONLY), "open a setting %d", how);
  TRY(open("/proc/kcore", O_RDONLY), "open kcore");
  TRY(open("/proc/1/mem", O_RDWR), "open memory of 1");
}

static long perf(int type, int pid) {
  struct perf_event_attr attr = {.type = type, .size = sizeof attr, .exclude_kernel = 1};
  return syscall(SYS_perf_event_open, &attr, pid, pid == -1 ? 0 : -1, -1, 0);
}

static void kernel(void) {
  char attr[256] = {0};
  struct timex time = {0};
  for (int command = 0; command < 38; command++) TRY(syscall(SYS_bpf, command, attr, sizeof attr), "bpf %d", command);
  for (int type = 0; type < 6; type++) {
    TRY(perf(type, 0), "perf_event_open %d", type);
    TRY(perf(type, -1), "perf_event_open of a CPU %d", type);
  }
  for (int operation = 0; operation < 33; operation++)
    TRY(syscall(SYS_keyctl, operation, -3, 0, 0, 0), "keyctl %d", operation);
  TRY(syscall(SYS_add_key, "user", "x", "y", 1, -3), "add_key");
  TRY(syscall(SYS_request_key, "user", "x", NULL, -3), "request_key");
  TRY(syscall(SYS_io_uring_setup, 1, attr), "io_uring_setup");
  TRY(syscall(SYS_io_uring_enter, -1, 0, 0, 0, 0, 0), "io_uring_enter");
  TRY(syscall(SYS_io_uring_register, -1, 0, 0, 0), "io_uring_register");
  TRY(syscall(SYS_userfaultfd, 0), "userfaultfd");
  TRY(syscall(SYS_userfaultfd, 1), "userfaultfd of user mode");
  TRY(syscall(SYS_kexec_load, 0, 0, 0, 0), "kexec_load");
#ifdef SYS_kexec_file_load
  TRY(syscall(SYS_kexec_file_load, -1, -1, 0, 0, 0), "kexec_file_load");
#endif
  TRY(syscall(SYS_init_module, 0, 0, 0), "init_module");
  TRY(syscall(SYS_finit_module, -1, "", 0), "finit_module");
  TRY(syscall(SYS_delete_module, "nothing", O_NONBLOCK), "delete_module");
  TRY(syscall(SYS_reboot, 0, 0, 0, 0), "reboot");
  TRY(syscall(SYS_acct, "/nowhere"), "acct");
  TRY(syscall(SYS_settimeofday, NULL, attr), "settimeofday");
  TRY(clock_settime(CLOCK_REALTIME, &(struct timespec){0, -1}), "clock_settime");
  TRY(adjtimex(&time), "adjtimex to read");
  TRY((time.modes = ADJ_TICK, time.tick = 0, adjtimex(&time)), "adjtimex to set");
  TRY(syscall(SYS_sethostname, "x", -1), "sethostname");
  TRY(syscall(SYS_setdomainname, "x", -1), "setdomainname");
  for (int action = 2; action < 11; action += action == 3 ? 6 : 1) TRY(syscall(SYS_syslog, action, attr, 1), "syslog %d", action);
#ifdef SYS_iopl
  TRY(syscall(SYS_iopl, 3), "iopl");
  TRY(syscall(SYS_ioperm, 0x80, 1, 1), "ioperm");
  TRY(syscall(SYS_modify_ldt, 0, attr, 16), "modify_ldt");
  TRY(syscall(SYS_arch_prctl, 0x1011, 0), "arch_prctl");
#endif
  TRY(syscall(SYS_clone3, attr, 64), "clone3");
  TRY(syscall(SYS_seccomp, 2, 0, &(int){0x7fff0000}), "seccomp to ask");
  TRY(syscall(SYS_seccomp, 1, 8, attr), "seccomp with a listener");
  TRY(syscall(SYS_mbind, 0, 0, 0, 0, 0, 0), "mbind");
  TRY(syscall(SYS_set_mempolicy, 0, 0, 0), "set_mempolicy");
  TRY(syscall(SYS_migrate_pages, getpid(), 0, 0, 0), "migrate_pages");
  TRY(syscall(SYS_move_pages, getpid(), 0, 0, 0, 0, 0), "move_pages");
  TRY(mlockall(MCL_CURRENT), "mlockall");
  TRY(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), "mmap to write and execute");
  TRY(mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0), "mmap of huge pages");
  TRY(syscall(SYS_shmget, IPC_PRIVATE, 4096, 0600), "shmget");
  TRY(syscall(SYS_semget, IPC_PRIVATE, 1, 0600), "semget");
  TRY(syscall(SYS_msgget, IPC_PRIVATE, 0600), "msgget");
  TRY(syscall(SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, 0), "mq_open");
  TRY(syscall(SYS_lookup_dcookie, 0, attr, 8), "lookup_dcookie");
  TRY(syscall(SYS_vhangup), "vhangup");
}

/* A new one for each attempt: what one does to a terminal, the next would see. */
static long terminal(unsigned long request) {
  char argument[256] = "x";
  return syscall(SYS_ioctl, open("/dev/ptmx", O_RDWR | O_NOCTTY), request, argument);
}

static void terminals(void) {
  for (int request = 0x5401; request < 0x5470; request++) TRY(terminal(request), "ioctl of a terminal %#x", request);
  TRY(terminal(0xffffffff00005412), "ioctl TIOCSTI with more bits");
}

int attempts(void) {
  sockets();
  network();
  namespaces();
  processes();
  devices();
  mounts();
  files();
  kernel();
  terminals();
  return 0;
}
