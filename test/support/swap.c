/* swap A B [A B...] - exchanges what these pairs of paths are, again and again, until it is killed. Each exchange is one
 * call (RENAME_EXCHANGE): whoever resolves a path finds the one or the other, and mostly another than a moment ago. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3 || argc % 2 == 0) { fputs("usage: swap A B [A B...]\n", stderr); return 2; }
  if (write(1, "swapping\n", 9) != 9) return 1;
  for (;;) {
    for (int i = 1; i + 1 < argc; i += 2) renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1], RENAME_EXCHANGE);
    sched_yield();
  }
}
