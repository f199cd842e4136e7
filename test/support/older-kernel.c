/* older-kernel CALLS PROGRAM [ARG...] - starts a program on a kernel without some of prctl(2)'s PR_SET_MM: `map` answers EINVAL to
 * PR_SET_MM_MAP (no CONFIG_CHECKPOINT_RESTORE), `file` answers EPERM to PR_SET_MM_EXE_FILE (no CAP_SYS_RESOURCE). */
#include <errno.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AT(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  unsigned map = strstr(argv[1], "map") ? SECCOMP_RET_ERRNO | EINVAL : SECCOMP_RET_ALLOW;
  unsigned file = strstr(argv[1], "file") ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW;
  struct sock_filter code[] = {
    AT(nr), UNLESS(SYS_prctl, 7),
    AT(args[0]), UNLESS(PR_SET_MM, 5),
    AT(args[1]), UNLESS(PR_SET_MM_MAP, 1), BPF_STMT(BPF_RET | BPF_K, map),
    UNLESS(PR_SET_MM_EXE_FILE, 1), BPF_STMT(BPF_RET | BPF_K, file),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) { perror("seccomp"); return 1; }
  execv(argv[2], argv + 2);
  perror(argv[2]);
  return 1;
}
