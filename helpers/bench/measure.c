/* measure RUNS COMMAND [ARG...] [::: COMMAND [ARG...]]... - times commands side by side: each once, then each again, RUNS times.
 *
 * A command that begins with @PID runs in the mount namespace of that process. Prints a line of JSON for each command:
 * {"ms": [every run], "maxRssKB": of the largest run}. A command that does not exit 0 ends it all with exit 1, and what it
 * printed is on stderr. Small and static, so that a fork costs nothing beside what is measured. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct command {
  char **argv;
  int namespace;
  double *ms;
  long rss;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void measure(struct command *command, int run, int quiet, int log) {
  struct rusage usage;
  int status;
  double start = now();
  pid_t child = fork();
  if (child == 0) {
    alarm(300); /* survives execve: a command that hangs ends the measurement, not the machine's day */
    dup2(quiet, 0);
    dup2(log, 1);
    dup2(log, 2);
    if (command->namespace >= 0 && setns(command->namespace, CLONE_NEWNS)) _exit(125);
    execv(command->argv[0], command->argv);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) < 0) exit(1);
  command->ms[run] = now() - start;
  if (usage.ru_maxrss > command->rss) command->rss = usage.ru_maxrss;
  if (status == 0) return;
  char text[4096];
  ssize_t length = pread(log, text, sizeof text, 0);
  fprintf(stderr, "measure: %s ended with status %#x: %.*s\n", command->argv[0], status, (int)(length > 0 ? length : 0), text);
  exit(1);
}

int main(int argc, char **argv) {
  int runs = argc > 2 ? atoi(argv[1]) : 0, count = 0;
  struct command commands[16] = {0};
  int quiet = open("/dev/null", O_RDONLY | O_CLOEXEC), log = memfd_create("log", MFD_CLOEXEC);
  if (runs < 1) return 2;
  for (char **word = argv + 2; *word; word++) {
    struct command *command = &commands[count++];
    command->namespace = -1;
    command->ms = calloc(runs, sizeof *command->ms);
    if (**word == '@') {
      char path[64];
      snprintf(path, sizeof path, "/proc/%s/ns/mnt", *word++ + 1);
      command->namespace = open(path, O_RDONLY | O_CLOEXEC);
    }
    command->argv = word;
    while (word[1] && strcmp(word[1], ":::")) word++;
    if (word[1]) *++word = NULL;
  }
  for (int run = 0; run < runs; run++)
    for (int i = 0; i < count; i++) {
      if (ftruncate(log, 0)) return 1;
      lseek(log, 0, SEEK_SET);
      measure(&commands[i], run, quiet, log);
    }
  for (int i = 0; i < count; i++) {
    printf("{\"ms\":[");
    for (int run = 0; run < runs; run++) printf("%s%.3f", run ? "," : "", commands[i].ms[run]);
    printf("],\"maxRssKB\":%ld}\n", commands[i].rss);
  }
  return 0;
}
