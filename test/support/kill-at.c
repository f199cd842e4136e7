/* kill-at ROLE STEP COMMAND [ARG...] - runs tinydocker and kills one of its processes right before its STEPth step.
 *
 * ROLE is cli, monitor or init. A step is a system call that can leave something behind or that others see: files, mounts,
 * processes, locks, messages. The process gets SIGKILL at the entry of that call, so that it has done all before it and not
 * this one. Exits with the command's code (128 + n after signal n), and says on descriptor 3 what happened: "killed 17 mkdir"
 * or, where the process has fewer steps, "ended 16". What still runs then goes on untraced. A container's program is not
 * traced.
 *
 * With ROLE/WHICH the process is not killed: the call fails with EPERM, as a security module or an old kernel would have it
 * ("failed 17 mkdir"; x86_64). WHICH is `any` (the same steps, but those that make threads and end the process), `all`
 * (every system call of it is a step, and told by its number), or a number (only calls of that number are steps). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)
enum { MOST = 4096 };

static const struct { long number; const char *name; } steps[] = {
#define STEP(name) {SYS_##name, #name},
#ifdef __x86_64__
  STEP(mkdir) STEP(rmdir) STEP(unlink) STEP(rename) STEP(link) STEP(symlink) STEP(mknod) STEP(chmod) STEP(chown)
  STEP(fork) STEP(vfork) STEP(dup2)
#endif
  STEP(mkdirat) STEP(unlinkat) STEP(renameat) STEP(renameat2) STEP(linkat) STEP(symlinkat) STEP(mknodat) STEP(fchmodat)
  STEP(fchownat) STEP(fchmod) STEP(fchown) STEP(utimensat) STEP(fsetxattr) STEP(ftruncate) STEP(write) STEP(pwrite64)
  STEP(flock) STEP(fsync) STEP(syncfs) STEP(clone) STEP(clone3) STEP(execve) STEP(exit_group) STEP(wait4) STEP(waitid)
  STEP(kill) STEP(pidfd_send_signal) STEP(sendmsg) STEP(recvmsg) STEP(bind) STEP(listen) STEP(connect) STEP(accept4)
  STEP(unshare) STEP(setns) STEP(mount) STEP(umount2) STEP(pivot_root) STEP(fsopen) STEP(fsmount) STEP(move_mount)
  STEP(open_tree) STEP(mount_setattr) STEP(chdir) STEP(fchdir) STEP(sethostname) STEP(setsid) STEP(capset)
  STEP(setgroups) STEP(setresgid) STEP(setresuid) STEP(close_range)
};

/* A call that is a step only sometimes: opening makes a file, writing may be to stderr. */
static const char *step(const struct __ptrace_syscall_info *info) {
  long number = info->entry.nr;
  if (number == SYS_openat) return info->entry.args[2] & O_CREAT ? "openat" : NULL;
#ifdef __x86_64__
  if (number == SYS_open) return info->entry.args[1] & O_CREAT ? "open" : NULL;
#endif
  if (number == SYS_openat2) return "openat2";
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (steps[i].number == number) return steps[i].name;
  return NULL;
}

enum role { UNKNOWN, CLI, MONITOR, INIT };
static const char *const roles[] = {"", "cli", "monitor", "init"};

static struct task { pid_t tid, tgid; enum role role; int vfork, ended, failing, announced, held; } tasks[MOST];
static int count;

static struct task *find(pid_t tid) {
  for (int i = 0; i < count; i++) if (tasks[i].tid == tid) return &tasks[i];
  if (count == MOST) { fputs("kill-at: too many tasks\n", stderr); exit(125); }
  tasks[count] = (struct task){.tid = tid, .tgid = tid};
  return &tasks[count++];
}

static pid_t group(pid_t tid) {
  char path[64], line[256];
  pid_t tgid = tid;
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) if (sscanf(line, "Tgid: %d", &tgid) == 1) break;
  if (file) fclose(file);
  return tgid;
}

/* The program of this process is our binary as a monitor. */
static int is_monitor(pid_t pid) {
  char path[64], words[256] = "";
  snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  int fd = open(path, O_RDONLY);
  ssize_t length = fd < 0 ? 0 : read(fd, words, sizeof words - 1);
  if (fd >= 0) close(fd);
  size_t first = strlen(words) + 1;
  return length > (ssize_t)first && strcmp(words + first, "monitor") == 0;
}

/* What a process needs to be one at all: an end, and threads. */
static int is_vital(pid_t tid, const struct __ptrace_syscall_info *info) {
  long number = info->entry.nr;
  unsigned long flags = number == SYS_clone ? info->entry.args[0]
    : number == SYS_clone3 ? (unsigned long)ptrace(PTRACE_PEEKDATA, tid, info->entry.args[0], 0) : 0;
  return number == SYS_exit_group || (flags & CLONE_THREAD);
}

/* The call that is entered is not made; or, at its end, it has failed. */
static void spoil(pid_t tid, int entering) {
#ifdef __x86_64__
  struct user_regs_struct registers;
  ptrace(PTRACE_GETREGS, tid, 0, &registers);
  if (entering) registers.orig_rax = (unsigned long long)-1;
  else registers.rax = (unsigned long long)-EPERM;
  ptrace(PTRACE_SETREGS, tid, 0, &registers);
#else
  (void)tid, (void)entering;
  fputs("kill-at: calls can be made to fail on x86_64 only\n", stderr);
  exit(125);
#endif
}

static void nothing(int signal) { (void)signal; }

int main(int argc, char **argv) {
  if (argc < 4) { fputs("usage: kill-at ROLE STEP COMMAND [ARG...]\n", stderr); return 125; }
  long at = atol(argv[2]), done = 0, spoiled = -1;
  char *slash = strchr(argv[1], '/'), number[24];
  int fails = slash != NULL, all = 0;
  if (slash) { *slash++ = 0; all = !strcmp(slash, "all"); if (strcmp(slash, "any") && !all) spoiled = atol(slash); }
  const char *killed = NULL;
  int go[2], status, code = 125, ended = 0;
  pid_t victim = 0;
  if (pipe2(go, O_CLOEXEC)) return 125;
  pid_t root = fork();
  if (root == 0) {
    char byte;
    close(3);
    if (read(go[0], &byte, 1) == 1) execvp(argv[3], argv + 3);
    _exit(127);
  }
  if (ptrace(PTRACE_SEIZE, root, 0, OPTIONS)) { perror("kill-at: PTRACE_SEIZE"); return 125; }
  *find(root) = (struct task){.tid = root, .tgid = root, .role = CLI, .announced = 1};
  if (write(go[1], "", 1) != 1) return 125;

  struct sigaction wake = {.sa_handler = nothing}; /* without SA_RESTART: it ends waitpid(2) */
  sigaction(SIGALRM, &wake, NULL);
  for (;;) {
    /* A monitor that has nothing to do for a second after its command is over does no more steps. */
    alarm(ended ? 1 : 0);
    pid_t tid = waitpid(-1, &status, __WALL);
    if (tid < 0) { if (errno == EINTR && !ended) continue; break; }
    struct task *task = find(tid);
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      task->ended = 1;
      task->role = UNKNOWN;
      task->announced = 0;
      if (tid == root) { ended = 1; code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }
      if (tid == victim) victim = 0;
      /* The rest goes on without us once the command is over, unless it has the process we want. The one we have killed has
         what it held until it is dead, which may take it a while. */
      if (ended && !victim && (killed || strcmp(argv[1], "monitor") != 0)) break;
      continue;
    }
    int signal = WSTOPSIG(status), event = status >> 16;
    long deliver = 0;
    /* Its first stop may come before its parent's, which says whose it is: until then it makes no call. */
    if (!task->announced) { task->held = 1; continue; }
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) { ptrace(PTRACE_LISTEN, tid, 0, 0); continue; }
    if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
      unsigned long born = 0;
      ptrace(PTRACE_GETEVENTMSG, tid, 0, &born);
      enum role role = task->role;
      struct task *child = find((pid_t)born);
      int held = child->held;
      *child = (struct task){.tid = (pid_t)born, .tgid = group((pid_t)born), .vfork = event == PTRACE_EVENT_VFORK, .announced = 1};
      /* A thread is its process; a child that is to be executed is known by what it becomes; others are inits. */
      child->role = child->tgid != child->tid ? role : child->vfork ? UNKNOWN : INIT;
      if (held) ptrace(PTRACE_SYSCALL, child->tid, 0, 0);
    } else if (event == PTRACE_EVENT_EXEC) {
      task->tgid = tid;
      if (task->role == INIT) { ptrace(PTRACE_DETACH, tid, 0, 0); continue; }
      if (task->vfork || task->role == MONITOR) {
        if (!is_monitor(tid)) { ptrace(PTRACE_DETACH, tid, 0, 0); continue; }
        task->role = MONITOR;
        task->vfork = 0;
      }
    } else if (event == 0 && signal == (SIGTRAP | 0x80)) {
      struct __ptrace_syscall_info info;
      if (task->failing) {
        spoil(tid, 0);
        task->failing = 0;
      } else if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY &&
          !killed && strcmp(roles[task->role], argv[1]) == 0) {
        const char *name = spoiled >= 0 ? (long)info.entry.nr == spoiled ? slash : NULL : all ? "" : step(&info);
        if (fails && spoiled < 0 && is_vital(tid, &info)) name = NULL;
        if (name && ++done == at && fails) {
          snprintf(number, sizeof number, "%ld", (long)info.entry.nr);
          if (all) name = number;
          killed = name;
          task->failing = 1;
          spoil(tid, 1);
        } else if (name && done == at && !killed) {
          killed = name;
          victim = task->tgid;
          kill(victim, SIGKILL);
        }
      }
    } else if (event == 0) deliver = signal;
    ptrace(PTRACE_SYSCALL, tid, 0, deliver);
  }
  if (killed) dprintf(3, "%s %ld %s\n", fails ? "failed" : "killed", at, killed);
  else dprintf(3, "ended %ld\n", done);
  return code;
}
