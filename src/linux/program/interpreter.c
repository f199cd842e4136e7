/*
 * The interpreter of a program of system calls: all the native code there is between clone3(2) and execve(2).
 *
 * It has no libc, no data, no relocations and does not touch thread-local storage, so it runs in a process that has nothing
 * but this page, an arena (arena.ts) and, with glibc, the page of its rseq area. helpers/interpreter.ts builds it for both
 * architectures and fails if the compiler wants data after all.
 *
 * A record (40 bytes):
 *     nr      number of a system call, or an operation below
 *     kinds   two bits for each argument (IMM, ADDR, LOAD32, LOAD64); bit 12: the result is 64 bits wide
 *     step    index of the step that it belongs to, for whoever asks where we are
 *     jump    record to go on with after an expected error, or a TEST that fails; 0: the next
 *     store   where in the arena the result goes; 0: nowhere
 *     arg     six arguments
 *     expect  errnos that are an answer, not a failure
 *
 * A frame, one for each process that runs records, is read by the other side:
 *     fail    record to go on with after the first unexpected error; 0: return it
 *     step    the step we are in, or failed in
 *     error   the errno of the first unexpected error
 *     at      the record that we are at, or failed at
 */
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;
typedef int i32;

struct record {
  u16 nr, kinds, step, jump;
  u32 store;
  u32 arg[6];
  u8 expect[4];
};

struct frame {
  u32 fail;
  i32 step, error;
  u32 at;
};

/*
 * RETURN value
 * TEST value mask expected: goes on if (value & mask) == expected, else jumps
 * CLONE args size entry frame base: clone3(2); the child runs the records of the arena at `base`, from `entry` on
 * ADD a b: a negative sum is a failure, as a system call's would be
 * THREAD: the thread pointer, from which glibc's rseq area is found
 */
enum { RETURN = 0xf000, TEST, CLONE, ADD, THREAD };
enum { IMM, ADDR, LOAD32, LOAD64, WIDE = 0x1000 };
enum { EINTR = 4, EAGAIN = 11, OPENAT2 = 437, TRIES = 1000 };

__attribute__((visibility("hidden"))) long run(u8 *base, u32 pc, u32 frame);

#define INLINE static inline __attribute__((always_inline))

INLINE long call(long nr, const u64 *a) {
#ifdef __x86_64__
  register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a[0], x1 __asm__("x1") = a[1], x2 __asm__("x2") = a[2],
                x3 __asm__("x3") = a[3], x4 __asm__("x4") = a[4], x5 __asm__("x5") = a[5];
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#endif
}

/* Volatile, or the compiler would move the load in front of the loop, where a child has no thread-local storage. */
INLINE long thread(void) {
  long result;
#ifdef __x86_64__
  __asm__ volatile("mov %%fs:0,%0" : "=r"(result));
#else
  __asm__ volatile("mrs %0, tpidr_el0" : "=r"(result));
#endif
  return result;
}

/* The child starts on a stack of its own with nothing on it, so it calls run() from here and never comes back. */
INLINE long spawn(u8 *base, void *args, u64 size, u32 pc, u32 frame) {
#ifdef __x86_64__
  register long r8 __asm__("r8") = pc, r9 __asm__("r9") = frame;
  register u8 *r10 __asm__("r10") = base;
  long result;
  __asm__ volatile("syscall\n\ttest %%rax,%%rax\n\tjnz 1f\n\txor %%ebp,%%ebp\n\tmov %%r10,%%rdi\n\tmov %%r8,%%rsi\n\t"
                   "mov %%r9,%%rdx\n\tcall run\n\tud2\n1:"
                   : "=a"(result)
                   : "0"(435L), "D"(args), "S"(size), "r"(r8), "r"(r9), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = 435, x1 __asm__("x1") = size, x2 __asm__("x2") = pc, x3 __asm__("x3") = frame;
  register void *x0 __asm__("x0") = args;
  register u8 *x4 __asm__("x4") = base;
  __asm__ volatile("svc #0\n\tcbnz x0,1f\n\tmov x29,#0\n\tmov x0,x4\n\tmov x1,x2\n\tmov x2,x3\n\tbl run\n\tbrk #0\n1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                   : "x30", "memory");
  return (long)x0;
#endif
}

__attribute__((section(".text.0"), visibility("hidden"))) long run(u8 *base, u32 pc, u32 frame) {
  struct frame *f = (void *)(base + frame);
  for (;;) {
    /* The first word of an arena says where its records are. */
    struct record *r = (struct record *)(base + *(u32 *)base) + pc++;
    if (!f->error) {
      f->at = pc - 1;
      f->step = r->step;
    }
    u64 a[6];
    for (int i = 0; i < 6; i++) {
      u32 v = r->arg[i], kind = r->kinds >> 2 * i & 3;
      a[i] = kind == IMM      ? (u64)(long)(i32)v
             : kind == ADDR   ? (u64)(base + v)
             : kind == LOAD32 ? (u64)(long)*(i32 *)(base + v)
                              : *(u64 *)(base + v);
    }
    long result;
    if (r->nr == RETURN) return a[0];
    if (r->nr == TEST) {
      if ((a[0] & a[1]) != a[2]) pc = r->jump;
      continue;
    }
    if (r->nr == ADD)
      result = a[0] + a[1];
    else if (r->nr == THREAD)
      result = thread();
    else {
      /* openat2(2) asks to be called again when somebody mounts or renames anywhere while it resolves a "..". */
      int tries = 0;
      do result = r->nr == CLONE ? spawn((u8 *)a[4], (void *)a[0], a[1], a[2], a[3]) : call(r->nr, a);
      while (result == -EINTR || (result == -EAGAIN && r->nr == OPENAT2 && tries++ < TRIES));
    }
    if ((u64)result < -4095UL) {
      if (r->store) {
        if (r->kinds & WIDE)
          *(u64 *)(base + r->store) = result;
        else
          *(i32 *)(base + r->store) = result;
      }
      continue;
    }
    u32 error = -result;
    if (r->expect[0] == error || r->expect[1] == error || r->expect[2] == error || r->expect[3] == error) {
      if (r->jump) pc = r->jump;
      continue;
    }
    /* What fails on the way out is not worth another word. */
    if (f->error) continue;
    f->error = error;
    if (!f->fail) return result;
    pc = f->fail;
  }
}
