/* Maps /dev/zero executable, as some just-in-time compilers do: EPERM where /dev is mounted noexec. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

int main(void) {
  int fd = open("/dev/zero", O_RDWR);
  void *at = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) return perror("mmap"), 1;
  puts("mapped");
  return 0;
}
