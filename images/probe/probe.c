/* probe - answers a test's questions about the container it runs in, as one JSON value on stdout.
 *
 *   caps signals limits ids nonewprivs   what /proc/self/status and prlimit say
 *   mounts fds env args cwd ns tty sysctl hostname cgroup attributes
 *   stdio [FILE]                         what descriptors 0-2 are, and whether /dev/std* can be opened; written to FILE
 *   exit N   kill SIG   catch SIG...   sleep S   oom [MB]   forkbomb N   stdin-echo
 *   send tcp|udp IPV4 PORT               what the other side answers within 0.9 s, asked once
 *   open PATH   write PATH   mknod PATH MAJOR MINOR   (what the kernel answers, as an errno name)
 *   syscall NUMBER [ARGUMENT...]   i386 NUMBER
 *   calls NUMBER...                      the same for many, each asked by a process of its own with arguments of -1: an errno
 *                                        name, "ok", or the number of the signal that ended it
 *   attempts                             many calls with typical arguments, a line for each (attempts.c)
 *
 * Static and without shared libraries, so that it runs in an empty root. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int attempts(void);

static void quote(const char *s) {
  putchar('"');
  for (; *s; s++) {
    unsigned char c = *s;
    if (c == '"' || c == '\\') printf("\\%c", c);
    else if (c < 0x20) printf("\\u%04x", c);
    else putchar(c);
  }
  putchar('"');
}

/* Separates the members of an array or object: nothing before the first. */
static void comma(bool *first) {
  if (!*first) putchar(',');
  *first = false;
}

static void pair(bool *first, const char *key, const char *value) {
  comma(first);
  quote(key);
  putchar(':');
  quote(value);
}

static int answer(long result) {
  printf("{\"result\":%ld,\"errno\":", result);
  if (result == -1) quote(strerrorname_np(errno) ?: "unknown");
  else printf("null");
  puts("}");
  return 0;
}

/* The lines of /proc/self/status whose names begin with a prefix. */
static int status(const char *const *prefixes) {
  char line[4096];
  bool first = true;
  FILE *file = fopen("/proc/self/status", "re");
  if (!file) return answer(-1);
  putchar('{');
  while (fgets(line, sizeof line, file)) {
    char *colon = strchr(line, ':');
    if (!colon) continue;
    *colon = 0;
    for (const char *const *prefix = prefixes; *prefix; prefix++) {
      if (strncmp(line, *prefix, strlen(*prefix))) continue;
      char *value = colon + 1 + strspn(colon + 1, "\t ");
      value[strcspn(value, "\n")] = 0;
      pair(&first, line, value);
      break;
    }
  }
  puts("}");
  fclose(file);
  return 0;
}

static int caps(void) { return status((const char *[]){"Cap", NULL}); }
static int signals(void) { return status((const char *[]){"Sig", "Shd", NULL}); }
static int nonewprivs(void) { return status((const char *[]){"NoNewPrivs", "Seccomp", NULL}); }

/* A file's lines as an array of strings. */
static int lines(const char *path) {
  char *line = NULL;
  size_t size = 0;
  bool first = true;
  FILE *file = fopen(path, "re");
  if (!file) return answer(-1);
  putchar('[');
  while (getline(&line, &size, file) > 0) {
    line[strcspn(line, "\n")] = 0;
    comma(&first);
    quote(line);
  }
  puts("]");
  fclose(file);
  return 0;
}

/* A directory of symbolic links as an object; its own descriptor is left out. */
static int links(const char *path) {
  bool first = true;
  DIR *dir = opendir(path);
  if (!dir) return answer(-1);
  putchar('{');
  for (struct dirent *entry; (entry = readdir(dir));) {
    char target[4096];
    ssize_t length;
    if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir)) continue;
    length = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
    if (length < 0) continue;
    target[length] = 0;
    pair(&first, entry->d_name, target);
  }
  puts("}");
  closedir(dir);
  return 0;
}

static void printLimits(void) {
  static const char *const names[] = {"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE",
                                      "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};
  bool first = true;
  putchar('{');
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    struct rlimit limit;
    if (getrlimit(i, &limit)) continue;
    comma(&first);
    printf("\"%s\":[%lld,%lld]", names[i], (long long)limit.rlim_cur, (long long)limit.rlim_max);
  }
  putchar('}');
}

static int limits(void) {
  printLimits();
  putchar('\n');
  return 0;
}

static int ids(void) {
  uid_t uid, euid, suid;
  gid_t gid, egid, sgid, groups[1024];
  int count = getgroups(1024, groups);
  bool first = true;
  getresuid(&uid, &euid, &suid);
  getresgid(&gid, &egid, &sgid);
  printf("{\"uid\":%u,\"euid\":%u,\"suid\":%u,\"gid\":%u,\"egid\":%u,\"sgid\":%u,", uid, euid, suid, gid, egid, sgid);
  printf("\"pid\":%d,\"ppid\":%d,\"pgid\":%d,\"sid\":%d,\"umask\":%d,\"groups\":[", getpid(), getppid(), getpgrp(), getsid(0), umask(0));
  for (int i = 0; i < count; i++) {
    comma(&first);
    printf("%u", groups[i]);
  }
  puts("]}");
  return 0;
}

static int strings(char **list) {
  bool first = true;
  putchar('[');
  for (; *list; list++) {
    comma(&first);
    quote(*list);
  }
  puts("]");
  return 0;
}

static int cwd(void) {
  char path[8192];
  if (syscall(SYS_getcwd, path, sizeof path) < 0) return answer(-1);
  quote(path);
  putchar('\n');
  return 0;
}

static int hostname(void) {
  struct utsname name;
  uname(&name);
  quote(name.nodename);
  putchar('\n');
  return 0;
}

static int tty(void) {
  struct winsize size = {0};
  bool first = true;
  int control = open("/dev/tty", O_RDWR | O_CLOEXEC);
  putchar('{');
  for (int fd = 0; fd < 3; fd++) {
    char name[8] = {'0' + fd, 0}, path[64] = "";
    if (isatty(fd)) ttyname_r(fd, path, sizeof path);
    pair(&first, name, path);
  }
  ioctl(0, TIOCGWINSZ, &size);
  printf(",\"rows\":%d,\"columns\":%d,\"controlling\":%s,\"foreground\":%s}\n", size.ws_row, size.ws_col,
         control >= 0 ? "true" : "false", control >= 0 && tcgetpgrp(control) == getpgrp() ? "true" : "false");
  return 0;
}

static const char *typeOf(mode_t mode) {
  return S_ISFIFO(mode) ? "pipe" : S_ISCHR(mode) ? "character" : S_ISBLK(mode) ? "block" : S_ISREG(mode) ? "file"
       : S_ISDIR(mode) ? "directory" : S_ISSOCK(mode) ? "socket" : "other";
}

static int stdioAnswer(const char *file) {
  static const char *const names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
  static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
  char unfinished[4096], link[4096];
  bool first = true;
  struct stat at;
  /* Looked at before a file of ours takes the place of one that is closed. */
  struct stat found[3];
  bool there[3];
  for (int fd = 0; fd < 3; fd++) there[fd] = fstat(fd, &found[fd]) == 0;
  snprintf(unfinished, sizeof unfinished, "%s.new", file);
  FILE *out = *file ? fopen(unfinished, "we") : stdout;
  if (!out) return answer(-1);
  if (stat("/dev/null", &at)) return answer(-1);
  fprintf(out, "{\"null\":\"%lu:%lu\",\"descriptors\":[", (unsigned long)at.st_dev, (unsigned long)at.st_ino);
  for (int fd = 0; fd < 3; fd++) {
    if (!first) fputc(',', out);
    first = false;
    if (!there[fd]) {
      fprintf(out, "{\"type\":\"closed\"}");
      continue;
    }
    const struct stat *is = &found[fd];
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, link, sizeof link - 1);
    link[length < 0 ? 0 : length] = 0;
    fprintf(out, "{\"type\":\"%s\",\"inode\":\"%lu:%lu\",\"device\":\"%u:%u\",\"uid\":%u,\"link\":\"%s\",\"open\":[",
            typeOf(is->st_mode), (unsigned long)is->st_dev, (unsigned long)is->st_ino, major(is->st_rdev),
            minor(is->st_rdev), is->st_uid, link);
    for (int i = 0; i < 3; i++) {
      int opened = open(names[fd], modes[i] | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
      fprintf(out, "%s\"%s\"", i ? "," : "", opened < 0 ? strerrorname_np(errno) : "ok");
      if (opened >= 0) close(opened);
    }
    fprintf(out, "]}");
  }
  fprintf(out, "]}\n");
  if (fflush(out)) return 1;
  return *file && rename(unfinished, file) ? 1 : 0;
}

/* A line of a file in /proc, or the value of a field in it. */
static void line(bool *first, const char *key, const char *path, const char *field) {
  char text[4096];
  FILE *file = fopen(path, "re");
  while (file && fgets(text, sizeof text, file)) {
    if (*field && strncmp(text, field, strlen(field))) continue;
    char *value = text + strlen(field);
    value += strspn(value, ":\t ");
    value[strcspn(value, "\n")] = 0;
    pair(first, key, value);
    break;
  }
  if (file) fclose(file);
}

static void number(bool *first, const char *key, long value) {
  comma(first);
  printf("\"%s\":%ld", key, value);
}

/* What a process has from its parent. */
static int attributes(void) {
  bool first = true;
  struct sched_param param = {0};
  putchar('{');
  number(&first, "nice", getpriority(PRIO_PROCESS, 0));
  number(&first, "policy", sched_getscheduler(0));
  sched_getparam(0, &param);
  number(&first, "priority", param.sched_priority);
  number(&first, "ioprio", syscall(SYS_ioprio_get, 1, 0));
  number(&first, "personality", personality(0xffffffff));
  number(&first, "timerslack", prctl(PR_GET_TIMERSLACK));
  number(&first, "securebits", prctl(PR_GET_SECUREBITS));
  number(&first, "thpDisabled", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  number(&first, "dumpable", prctl(PR_GET_DUMPABLE));
  line(&first, "oomScoreAdj", "/proc/self/oom_score_adj", "");
  line(&first, "coredumpFilter", "/proc/self/coredump_filter", "");
  for (const char *const *name = (const char *const[]){"Cpus_allowed_list", "Mems_allowed_list", "Umask", "SigBlk",
                                                       "SigIgn", "SigCgt", "NoNewPrivs", "Groups",
                                                       "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", NULL}; *name; name++)
    line(&first, *name, "/proc/self/status", *name);
  printf(",\"limits\":");
  printLimits();
  puts("}");
  return 0;
}

static int sysctl(void) {
  static const char *const names[] = {"kernel/hostname",  "kernel/domainname",   "kernel/shmmax",
                                      "kernel/msgmax",    "kernel/sem",          "fs/mqueue/msg_max",
                                      "net/ipv4/ip_forward", "net/ipv4/ip_unprivileged_port_start", "net/ipv4/ping_group_range",
                                      "net/ipv6/conf/all/disable_ipv6", "net/core/somaxconn"};
  bool first = true;
  putchar('{');
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    char path[256], value[256] = "";
    FILE *file;
    snprintf(path, sizeof path, "/proc/sys/%s", names[i]);
    if (!(file = fopen(path, "re"))) continue;
    if (fgets(value, sizeof value, file)) value[strcspn(value, "\n")] = 0;
    fclose(file);
    pair(&first, names[i], value);
  }
  puts("}");
  return 0;
}

static int signalNumber(const char *name) {
  if (name[0] >= '0' && name[0] <= '9') return atoi(name);
  if (!strncmp(name, "SIG", 3)) name += 3;
  for (int i = 1; i < 32; i++) {
    const char *known = sigabbrev_np(i);
    if (known && !strcmp(known, name)) return i;
  }
  fprintf(stderr, "probe: no signal %s\n", name);
  exit(2);
}

static int killSelf(const char *name) {
  int number = signalNumber(name);
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigaction(number, &action, NULL);
  /* The first process of a namespace is deaf to signals of its own: a child dies for it, and its end is passed on. */
  if (getpid() == 1) {
    int end;
    pid_t child = fork();
    if (child == 0) {
      raise(number);
      _exit(0);
    }
    waitpid(child, &end, 0);
    return WIFSIGNALED(end) ? 128 + WTERMSIG(end) : WEXITSTATUS(end);
  }
  raise(number);
  return 0;
}

/* Prints "ready", then the name of each signal as it comes, until TERM (exit 0). */
static int catchSignals(char **names) {
  sigset_t set;
  int number;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  for (; *names; names++) sigaddset(&set, signalNumber(*names));
  sigprocmask(SIG_BLOCK, &set, NULL);
  puts("ready");
  do {
    fflush(stdout);
    if (sigwait(&set, &number)) return 1;
    puts(sigabbrev_np(number));
  } while (number != SIGTERM);
  return 0;
}

static int oom(long megabytes) {
  long taken = 0;
  for (; taken < megabytes; taken++) {
    char *block = malloc(1 << 20);
    if (!block) break;
    for (int i = 0; i < 1 << 20; i += 4096) *(volatile char *)(block + i) = 1;
  }
  printf("{\"megabytes\":%ld}\n", taken);
  return 0;
}

static int forkBomb(int wanted) {
  int made = 0, failure = 0;
  pid_t *children = calloc(wanted + 1, sizeof *children);
  for (; made < wanted; made++) {
    pid_t child = fork();
    if (child < 0) {
      failure = errno;
      break;
    }
    if (child == 0) {
      pause();
      _exit(0);
    }
    children[made] = child;
  }
  printf("{\"forked\":%d,\"errno\":", made);
  if (failure) quote(strerrorname_np(failure));
  else printf("null");
  puts("}");
  for (int i = 0; i < made; i++) kill(children[i], SIGKILL);
  while (wait(NULL) > 0) {}
  return 0;
}

static int echo(void) {
  char buffer[65536];
  for (ssize_t count; (count = read(0, buffer, sizeof buffer)) != 0;) {
    if (count < 0) return 1;
    for (ssize_t done = 0, part; done < count; done += part)
      if ((part = write(1, buffer + done, count - done)) < 0) return 1;
  }
  return 0;
}

/* A SYN that is lost is sent again after a second: by then it is too late. */
static int ask(const char *protocol, const char *address, int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct timeval limit = {.tv_usec = 900000};
  char text[256];
  inet_pton(AF_INET, address, &to.sin_addr);
  int s = socket(AF_INET, strcmp(protocol, "udp") ? SOCK_STREAM : SOCK_DGRAM, 0);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ssize_t length = connect(s, (struct sockaddr *)&to, sizeof to) ? -1 : send(s, "hello", 5, 0);
  if (length >= 0) length = recv(s, text, sizeof text - 1, 0);
  if (length < 0) return answer(length);
  text[length] = 0;
  quote(text);
  putchar('\n');
  return 0;
}

/* What a 32-bit program does, from a 64-bit one. */
static long i386(long number) {
  long result = -ENOSYS;
#ifdef __x86_64__
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(-1), "c"(-1), "d"(-1), "S"(-1), "D"(-1) : "r8", "r9", "r10", "r11", "memory");
#endif
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

static int calls(char **numbers) {
  bool first = true;
  putchar('{');
  for (; *numbers; numbers++) {
    char text[32];
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
      pid_t own = getpid();
      setpgid(0, 0);
      signal(SIGALRM, SIG_DFL);
      ualarm(200000, 0);
      long result = syscall(atol(*numbers), -1L, -1L, -1L, -1L, -1L, -1L);
      /* Some calls make another process of it. */
      if (getpid() != own) _exit(0);
      _exit(result == -1 ? errno : 0);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) snprintf(text, sizeof text, "signal %d", WTERMSIG(status));
    else snprintf(text, sizeof text, "%s", WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) ?: "unknown" : "ok");
    pair(&first, *numbers, text);
  }
  puts("}");
  return 0;
}

int main(int argc, char **argv, char **envp) {
  const char *question = argc > 1 ? argv[1] : "";
  const char *value = argc > 2 ? argv[2] : "";
#define IS(name) (!strcmp(question, name))
  if (IS("caps")) return caps();
  if (IS("signals")) return signals();
  if (IS("nonewprivs")) return nonewprivs();
  if (IS("mounts")) return lines("/proc/self/mountinfo");
  if (IS("cgroup")) return lines("/proc/self/cgroup");
  if (IS("fds")) return links("/proc/self/fd");
  if (IS("ns")) return links("/proc/self/ns");
  if (IS("limits")) return limits();
  if (IS("ids")) return ids();
  if (IS("env")) return strings(envp);
  if (IS("args")) return strings(argv);
  if (IS("cwd")) return cwd();
  if (IS("hostname")) return hostname();
  if (IS("tty")) return tty();
  if (IS("sysctl")) return sysctl();
  if (IS("stdio")) return stdioAnswer(value);
  if (IS("attributes")) return attributes();
  if (IS("exit")) return atoi(value);
  if (IS("kill")) return killSelf(value);
  if (IS("catch")) return catchSignals(argv + 2);
  if (IS("sleep")) return sleep(atoi(value));
  if (IS("oom")) return oom(*value ? atol(value) : 4096);
  if (IS("forkbomb")) return forkBomb(*value ? atoi(value) : 100);
  if (IS("stdin-echo")) return echo();
  if (IS("open")) return answer(open(value, O_RDONLY | O_CLOEXEC));
  if (IS("write")) return answer(open(value, O_WRONLY | O_CLOEXEC));
  if (IS("send") && argc > 4) return ask(value, argv[3], atoi(argv[4]));
  if (IS("mknod") && argc > 4) return answer(mknod(value, S_IFCHR | 0666, makedev(atoi(argv[3]), atoi(argv[4]))));
  if (IS("syscall")) {
    long a[6] = {0};
    for (int i = 3; i < argc && i < 9; i++) a[i - 3] = strtoul(argv[i], NULL, 0);
    return answer(syscall(atol(value), a[0], a[1], a[2], a[3], a[4], a[5]));
  }
  if (IS("i386")) return answer(i386(atol(value)));
  if (IS("calls")) return calls(argv + 2);
  if (IS("attempts")) return attempts();
  fprintf(stderr, "probe: no question '%s'\n", question);
  return 2;
}
