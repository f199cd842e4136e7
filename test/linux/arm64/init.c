// First process of the test machine: runs the harness, and says how it ended.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/reboot.h>
#include <unistd.h>
#include <stdio.h>
#include <sys/utsname.h>
int main(void) { mkdir("/proc", 0755); mount("proc", "/proc", "proc", 0, 0); struct utsname u; uname(&u); printf("test on %s %s\n", u.release, u.machine); fflush(stdout);
  if (!fork()) { execl("/harness", "harness", "/interpreter", "300", (char *)0); _exit(1); } int s; wait(&s); printf("harness status %d\n", s); fflush(stdout); sync(); reboot(RB_POWER_OFF); return 0; }
