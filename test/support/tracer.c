/* tracer MARKER... - stops every other process of its pid namespace at first sight, looks into it, and lets it go on.
 *
 * For each, lines that begin with its number: "PID exe LINK", "PID root own|foreign", "PID cwd own|foreign", "PID fd LINK", "PID map BYTES FILLED MODE NAME" (FILLED: bytes that are not
 * zero), "PID found MARKER", "PID end". Prints "ready" first. Ends when the file /stop is there. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char known[4194304];

static int isStopped(int pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY);
  ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (length <= 0) return -1;
  text[length] = 0;
  char *state = strrchr(text, ')');
  if (!state) return -1;
  return state[2] == 'T' || state[2] == 't' ? 1 : state[2] == 'Z' || state[2] == 'X' ? -1 : 0;
}

static void links(int pid) {
  char path[300], link[4096];
  ssize_t length;
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  length = readlink(path, link, sizeof link - 1);
  printf("%d exe %.*s\n", pid, length < 0 ? 7 : (int)length, length < 0 ? "nothing" : link);
  for (int i = 0; i < 2; i++) {
    const char *name = i ? "cwd" : "root";
    struct stat its, ours;
    snprintf(path, sizeof path, "/proc/%d/%s/", pid, name);
    int failed = stat(path, &its) || stat("/", &ours);
    int same = !failed && its.st_dev == ours.st_dev && its.st_ino == ours.st_ino;
    printf("%d %s %s\n", pid, name, failed ? strerrorname_np(errno) : same ? "own" : "foreign");
  }
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *dir = opendir(path);
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    if (entry->d_name[0] == '.') continue;
    length = readlinkat(dirfd(dir), entry->d_name, link, sizeof link - 1);
    if (length >= 0) printf("%d fd %s %.*s\n", pid, entry->d_name, (int)length, link);
  }
  if (dir) closedir(dir);
}

static void memory(int pid, char **markers) {
  char path[64], line[4096];
  snprintf(path, sizeof path, "/proc/%d/mem", pid);
  int mem = open(path, O_RDONLY);
  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  FILE *maps = fopen(path, "re");
  while (maps && fgets(line, sizeof line, maps)) {
    unsigned long start, end;
    char mode[8], name[4096] = "";
    if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %4095[^\n]", &start, &end, mode, name) < 3) continue;
    size_t size = end - start < 64ul << 20 ? end - start : 0, filled = 0;
    char *bytes = malloc(size + 1);
    ssize_t got = mem < 0 || !size ? -1 : pread(mem, bytes, size, (off_t)start);
    for (ssize_t i = 0; i < got; i++) filled += bytes[i] != 0;
    printf("%d map %lu %zu %s %s\n", pid, end - start, filled, mode, name);
    for (char **marker = markers; *marker && got > 0; marker++)
      if (memmem(bytes, (size_t)got, *marker, strlen(*marker))) printf("%d found %s\n", pid, *marker);
    free(bytes);
  }
  if (maps) fclose(maps);
  if (mem >= 0) close(mem);
}

int main(int argc, char **argv) {
  (void)argc;
  int own = getpid();
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  puts("ready");
  fflush(stdout);
  known[own] = 1;
  while (access("/stop", F_OK)) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
      int pid = atoi(entry->d_name);
      if (pid <= 0 || known[pid]) continue;
      known[pid] = 1;
      if (kill(pid, SIGSTOP)) continue;
      int stopped;
      while ((stopped = isStopped(pid)) == 0) {}
      if (stopped > 0) {
        links(pid);
        memory(pid, argv + 1);
        printf("%d end\n", pid);
        fflush(stdout);
      }
      kill(pid, SIGCONT);
    }
    closedir(proc);
  }
  return 0;
}
