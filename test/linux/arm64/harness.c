// Static test of the stub (x86_64 or arm64): a child with an address space of its own (MADV_DONTFORK), from a process with threads.
// usage: harness INTERPRETER [N]     needs root; runs itself as the program of the container
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
struct record { uint16_t nr, kinds, step, jump; uint32_t store; int32_t arg[6]; uint8_t expect[4]; };
enum { RETURN = 0xf000, TEST, CLONE, ADD, THREAD };
struct arena { uint8_t *base, *origin; uint32_t top; int next; };
static struct arena *A;                                        // the one that is written to
#define REC(a) ((struct record *)((a)->base + 64))
#define ADDR (1L << 40)
#define VAL (2L << 40)
#define WIDE (3L << 40)
static long page, size;
static struct arena make(int shared) {
  struct arena a = {0}; a.origin = mmap(0, size, 3, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
  a.base = a.origin + 2 * page; *(uint32_t *)a.base = 64; a.top = 64 + 100 * 40; return a;
}
static int emit(int nr, int step, uint32_t store, int jump, int e0, int n, const long *a) {
  struct record *r = REC(A) + A->next; memset(r, 0, sizeof *r); r->nr = nr; r->step = step; r->store = store; r->jump = jump; r->expect[0] = e0;
  for (int i = 0; i < n; i++) { r->arg[i] = (int32_t)a[i]; r->kinds |= (a[i] >= ADDR ? a[i] >> 40 : 0) << 2 * i; }
  return A->next++;
}
#define E(nr, step, store, jump, e0, ...) emit(nr, step, store, jump, e0, sizeof((long[]){__VA_ARGS__}) / 8, (long[]){__VA_ARGS__})
static uint32_t alloc(int n) { A->top = (A->top + 7) & -8; uint32_t w = A->top; A->top += n; return w; }
static uint32_t word(uint64_t v) { uint32_t w = alloc(8); *(uint64_t *)(A->base + w) = v; return w; }
static uint32_t str(const char *s) { uint32_t w = A->top; strcpy((char *)A->base + w, s); A->top += strlen(s) + 1; return w; }
static uint32_t ptrs(const char **s) { uint32_t o[8], n = 0; for (; s[n]; n++) o[n] = str(s[n]); uint32_t w = alloc(8 * (n + 1)); for (uint32_t i = 0; i < n; i++) *(uint64_t *)(A->base + w + 8 * i) = (uint64_t)(A->base + o[i]); return w; }
static volatile int stop; static void *busy(void *x) { while (!stop) { void *p = malloc(1000); memset(p, 1, 1000); free(p); void *q = mmap(0, 65536, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); *(char *)q = 1; munmap(q, 65536); } return x; }
static int lines(const char *path, int show) { FILE *f = fopen(path, "r"); int n = 0; char b[256]; while (f && fgets(b, sizeof b, f)) { n++; if (show) printf("    %s", b); } if (f) fclose(f); return n; }
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e6 + t.tv_nsec / 1e3; }

int main(int argc, char **argv) {
  if (argc > 2 && !strcmp(argv[1], "child")) return getpid() == 1 ? 7 : 8;
  setvbuf(stdout, 0, _IOLBF, 0);
  int fd = open(argv[1], O_RDONLY), total = argc > 2 ? atoi(argv[2]) : 300;
  page = sysconf(_SC_PAGESIZE); size = 16 * page;
  uint8_t *code = mmap(0, page, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ssize_t len = read(fd, code, page); mprotect(code, page, PROT_READ | PROT_EXEC); __builtin___clear_cache((char *)code, (char *)code + len);
  long (*run)(uint8_t *, uint32_t, uint32_t) = (void *)code;
  struct arena own = make(0), child = make(1);

  // the interpreter
  A = &own; uint32_t frame = alloc(16), slot = alloc(4), got = alloc(4), thread = alloc(8);
  int p0 = E(SYS_openat, 1, slot, 0, ENOENT, AT_FDCWD, ADDR + str("/none"), 0, 0); E(SYS_getpid, 2, got, 0, 0, 0);
  int t = E(TEST, 3, 0, 0, 0, VAL + got, -1, getpid()); E(RETURN, 0, 0, 0, 0, 11); REC(A)[t].jump = A->next; E(RETURN, 0, 0, 0, 0, 12);
  printf("stub %zd bytes, page %ld; ignored errno, store, test: %ld (11 is right)\n", len, page, run(own.base, p0, frame));
  int p1 = E(SYS_openat, 9, slot, 0, 0, AT_FDCWD, ADDR + str("/none"), 0, 0);
  long r = run(own.base, p1, frame); printf("failure: %ld step %d errno %d record %d\n", r, *(int *)(own.base + frame + 4), *(int *)(own.base + frame + 8), *(int *)(own.base + frame + 12));
  *(uint64_t *)(own.base + frame) = *(uint64_t *)(own.base + frame + 8) = 0;
  int p2 = A->next; int th = E(THREAD, 0, thread, 0, 0, 0); REC(A)[th].kinds |= 0x1000; int ad = E(ADD, 0, got, 0, 0, 40, 2); (void)ad; E(RETURN, 0, 0, 0, 0, VAL + got);
  r = run(own.base, p2, frame); printf("add: %ld (42), thread pointer %s\n", r, *(uint64_t *)(own.base + thread) == (uint64_t)__builtin_thread_pointer() ? "right" : "WRONG");
  uint64_t rseq = 0; if (__rseq_size) rseq = (*(uint64_t *)(own.base + thread) + __rseq_offset) & -page;
  printf("rseq size %u offset %td page %lx\n", __rseq_size, __rseq_offset, (long)rseq);

  // the child
  A = &child; int fail = E(SYS_exit_group, 0, 0, 0, 0, 125);
  uint32_t cf = alloc(16), inner = alloc(4), zero = alloc(32), ts = alloc(16); *(int *)(child.base + cf) = fail; *(uint64_t *)(child.base + ts + 8) = 20000;
  const char *av[] = {"harness", "child", "x", 0}, *ev[] = {0};
  int b = A->next;
  if (rseq) E(SYS_mmap, 1, 0, 0, 0, WIDE + word(rseq), page, 3, 0x32, -1, 0);
  uint64_t keep[3][2] = {{(uint64_t)code, (uint64_t)code + page}, {(uint64_t)child.origin, (uint64_t)child.origin + size}, {rseq, rseq + page}}; int nkeep = rseq ? 3 : 2;
  for (int i = 0; i < nkeep; i++) for (int j = i + 1; j < nkeep; j++) if (keep[j][0] < keep[i][0]) for (int k = 0; k < 2; k++) { uint64_t x = keep[i][k]; keep[i][k] = keep[j][k]; keep[j][k] = x; }
  uint64_t from = 0, end = sizeof(long) == 8 && getenv("END") ? strtoull(getenv("END"), 0, 16) :
#ifdef __aarch64__
    0x1000000000000UL - page;
#else
    0x7ffffffff000UL;
#endif
  for (int i = 0; i <= nkeep; i++) { uint64_t low = i < nkeep ? keep[i][0] : end; if (low > from) E(SYS_munmap, 2, 0, 0, 0, WIDE + word(from), WIDE + word(low - from)); from = keep[i < nkeep ? i : 0][1]; }
  E(SYS_prctl, 3, 0, 0, 0, 1, 9); E(SYS_unshare, 4, 0, 0, 0, 0x20000 | 0x4000000 | 0x8000000 | 0x40000000); E(SYS_mount, 5, 0, 0, 0, 0, ADDR + str("/"), 0, 0x84000, 0);
  E(SYS_sethostname, 6, 0, 0, 0, ADDR + str("abc"), 3); E(SYS_getpid, 7, inner, 0, 0, 0);
  for (int i = 0; i < 10; i++) { E(SYS_nanosleep, 8, 0, 0, 0, ADDR + ts, 0); E(SYS_sched_yield, 8, 0, 0, 0, 0); }      // rescheduled with the rseq area wiped
  E(SYS_close_range, 9, 0, 0, 0, 3, -1, 4); E(SYS_rt_sigprocmask, 10, 0, 0, 0, 2, ADDR + zero, 0, 8);
  E(SYS_execve, 11, 0, 0, 0, ADDR + str("/proc/self/exe"), ADDR + ptrs(av), ADDR + ptrs(ev));
  E(SYS_exit_group, 11, 0, 0, 0, 124);
  int sleeper = E(SYS_nanosleep, 20, 0, 0, 0, ADDR + word(0) , 0); *(uint64_t *)(child.base + alloc(8)) = 300000000; E(SYS_exit_group, 20, 0, 0, 0, 7);

  // the parent's records
  A = &own; uint32_t args = alloc(88), pidfd = alloc(4), pid = alloc(4), all = word(~0UL), old = alloc(8);
  uint64_t *ca = (void *)(own.base + args); ca[0] = 0x1000 | 0x20000000 | 0x100000000UL; ca[1] = (uint64_t)own.base + pidfd; ca[4] = 17; ca[5] = (uint64_t)child.origin; ca[6] = page;
  int s = E(SYS_rt_sigprocmask, 1, 0, 0, 0, 2, ADDR + all, ADDR + old, 8); E(SYS_madvise, 2, 0, 0, ENOMEM, 0, WIDE + word(end), 10); E(SYS_madvise, 3, 0, 0, 0, WIDE + word((uint64_t)code), page, 11);
  E(SYS_madvise, 4, 0, 0, 0, WIDE + word((uint64_t)child.origin), size, 11); if (rseq) E(SYS_madvise, 5, 0, 0, 0, WIDE + word(rseq), page, 11);
  int clone = E(CLONE, 6, pid, 0, 0, ADDR + args, 88, b, cf, WIDE + word((uint64_t)child.base)); E(SYS_rt_sigprocmask, 7, 0, 0, 0, 2, ADDR + old, 0, 8); E(RETURN, 0, 0, 0, 0, VAL + pid);
  pthread_t threads[3]; for (int i = 0; i < 3; i++) pthread_create(threads + i, 0, busy, 0);
  { REC(&own)[clone].arg[2] = sleeper; long c = run(own.base, s, frame); char path[64]; usleep(100000); sprintf(path, "/proc/%ld/maps", c); printf("parent %d mappings, child's:\n", lines("/proc/self/maps", 0)); lines(path, 1); int st; waitpid(c, &st, 0); printf("  ended %x\n", st); REC(&own)[clone].arg[2] = b; close(*(int *)(own.base + pidfd)); }
  int bad = 0; double spent = 0;
  for (int i = 0; i < total; i++) {
    int st = -1; *(int *)(child.base + inner) = 0; *(int *)(child.base + cf + 8) = 0;
    double t0 = now(); long c = run(own.base, s, frame); spent += now() - t0;
    if (c < 0) { printf("clone %ld step %d errno %d\n", c, *(int *)(own.base + frame + 4), *(int *)(own.base + frame + 8)); bad++; break; }
    if (waitpid(c, &st, 0) != c || !WIFEXITED(st) || WEXITSTATUS(st) != 7 || *(int *)(child.base + inner) != 1) { if (bad++ < 5) printf("child %x inner %d error %d step %d record %d\n", st, *(int *)(child.base + inner), *(int *)(child.base + cf + 8), *(int *)(child.base + cf + 4), *(int *)(child.base + cf + 12)); }
    close(*(int *)(own.base + pidfd));
  }
  stop = 1; for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
  printf("%d clones with own memory from 4 threads: bad %d, us to mark and clone %.0f\n", total, bad, spent / total);
  return bad != 0;
}
