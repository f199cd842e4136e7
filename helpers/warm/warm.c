/* What runs before a program that Bun compiled: it asks the kernel for the memory that its commands will touch, in a few calls
 * instead of a page fault for each page. Machine code for x86_64 without libc and without data, followed by a table that
 * helpers/warm/patch.ts fills in. Whatever the kernel answers: the program runs as it would without.
 *
 *     the dynamic loader -> start: pages of the file; `mmap` in the program's GOT becomes one of the three functions below
 *     the program        -> mmap:  as mmap(2), and then pages of the mappings that are known by their length
 */

typedef unsigned long word;

enum { SYS_mmap = 9, SYS_mincore = 27, SYS_madvise = 28 };
enum { HUGEPAGE = 14, NOHUGEPAGE = 15, POPULATE_READ = 22, POPULATE_WRITE = 23 }; /* madvise(2) */
enum { MAP_ANONYMOUS = 32, page_bytes = 4096, most_mappings = 2, most_names = 5, most_words = 4, name_bytes = 16 };

/* What is to be done with pages: read or written; written; the same, but for those that lie in a huge page; made a huge page.
 * The dense ones use up much of it. */
enum kind { READ, WRITE, PLAIN, DENSE, SPARSE, DENSE_HUGE, SPARSE_HUGE };

/* How long the command stays: its memory counts, a little more of it does not, it is gone at once. */
enum mode { STAYS, MAY_STAY, SHORT };

struct range {
  unsigned page; /* by its address, in the file; in a mapping, from its first aligned address on */
  unsigned short pages;
  unsigned char mapping, kind; /* mapping 0 is the file */
};

struct table {
  word program;      /* its own entry point */
  word slot, unused; /* the place of `mmap` in its GOT, and what stands there until the first call */
  struct { word bytes, alignment; } mappings[most_mappings];
  struct { char text[name_bytes - 1], mode; } names[most_names]; /* the first of them among the first words decides */
  word count;
  struct range ranges[];
};
extern const struct table table __attribute__((visibility("hidden")));

/* For the program in rdx: what to call at its end. */
__asm__(".globl start\n"
        "start: push %rdx\n"
        "lea 8(%rsp), %rdi\n"
        "sub $8, %rsp\n"
        "call warm\n"
        "add $8, %rsp\n"
        "pop %rdx\n"
        "jmp *table(%rip)\n");

static inline long call(long number, word a, word b, word c, word d, word e, word f) {
  register word r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static long advise(word address, word bytes, word advice) { return call(SYS_madvise, address, bytes, advice, 0, 0, 0); }

/* mincore(2) says of a page that nobody touched that it is there, if it is part of a huge one. */
static int is_huge(word address) {
  unsigned char there = 0;
  advise(address, page_bytes, POPULATE_WRITE);
  call(SYS_mincore, address + 256 * page_bytes, page_bytes, (word)&there, 0, 0, 0);
  return there & 1;
}

/* Advises for all ranges of a kind. 0 if they were to be huge pages, and the first is none: the others are not tried, as the
 * kernel may look for memory for each of them. */
static __attribute__((noinline)) int ask(word mapping, word base, enum kind kind, word advice) {
  int asked = 0;
  for (word index = 0; index < table.count; index++) {
    struct range range = table.ranges[index];
    if (range.mapping != mapping || range.kind != kind) continue;
    word address = base + (word)range.page * page_bytes, bytes = (word)range.pages * page_bytes;
    advise(address, bytes, advice);
    if (advice == HUGEPAGE && !asked && !is_huge(address)) {
      advise(address, bytes, NOHUGEPAGE);
      return 0;
    }
    asked = 1;
  }
  return asked;
}

static void warm_mapping(word mapping, word base, enum mode mode) {
  ask(mapping, base, PLAIN, POPULATE_WRITE);
  if (!ask(mapping, base, DENSE_HUGE, HUGEPAGE)) ask(mapping, base, DENSE, POPULATE_WRITE);
  if (mode != SHORT || !ask(mapping, base, SPARSE_HUGE, HUGEPAGE)) ask(mapping, base, SPARSE, POPULATE_WRITE);
}

typedef word function(word, word, word, word, word, word);
static word *slot(void) { return (word *)table.slot; }

/* Stands in for mmap(3), until it has seen the last mapping. An error is left to the real one, which sets errno. */
static inline __attribute__((always_inline)) word
map(word address, word bytes, word protection, word flags, word file, word offset, enum mode mode) {
  word result = call(SYS_mmap, address, bytes, protection, flags, file, offset);
  if (result > -4096ul) {
    *slot() = table.unused;
    return ((function *)table.unused)(address, bytes, protection, flags, file, offset);
  }
  for (word index = 0; index < most_mappings; index++) {
    word last = table.mappings[index].alignment - 1;
    if (bytes != table.mappings[index].bytes || !(flags & MAP_ANONYMOUS)) continue;
    /* Where the kernel makes huge pages for everybody, one that stays does without. */
    if (mode == STAYS) advise(result, bytes, NOHUGEPAGE);
    else warm_mapping(index + 1, (result + last) & ~last, mode);
    if (index == most_mappings - 1) *slot() = table.unused;
  }
  return result;
}
static word map_of_one_that_stays(word a, word b, word c, word d, word e, word f) { return map(a, b, c, d, e, f, STAYS); }
static word map_of_one_that_may(word a, word b, word c, word d, word e, word f) { return map(a, b, c, d, e, f, MAY_STAY); }
static word map_of_a_short_one(word a, word b, word c, word d, word e, word f) { return map(a, b, c, d, e, f, SHORT); }

static int is(const char *one, const char *other) {
  for (; *one == *other; one++, other++)
    if (!*one) return 1;
  return 0;
}

/* A command may have --root DIRECTORY before it. */
static enum mode mode_of(const word *argv, word argc) {
  for (word at = 1; at < argc && at < most_words; at++)
    for (int index = 0; index < most_names; index++)
      if (is((const char *)argv[at], table.names[index].text)) return table.names[index].mode;
  return SHORT;
}

/* stack: argc, argv, NULL. */
__attribute__((used)) static void warm(const word *stack) {
  enum mode mode = mode_of(stack + 1, stack[0]);
  ask(0, 0, READ, POPULATE_READ);
  ask(0, 0, WRITE, POPULATE_WRITE);
  /* With LD_BIND_NOW something else stands there, and is left alone. */
  if (*slot() != table.unused) return;
  *slot() = (word)(mode == STAYS ? map_of_one_that_stays : mode == MAY_STAY ? map_of_one_that_may : map_of_a_short_one);
}
