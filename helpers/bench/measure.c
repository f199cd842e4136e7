/* measure [-a] [-b BATCH] [-j JOBS] RUNS COMMAND [ARG...] [::: COMMAND [ARG...]]... - times commands side by side: each once,
 * then each again, RUNS times. A command may be several, one after the other: COMMAND +++ COMMAND. With +++ wait +++ between
 * them, all that they have left behind has ended before the next one starts (-a, without -j).
 *
 *   -b BATCH  a run of a command is that many executions of it; what is printed is the mean of one (default 1)
 *   -j JOBS   so many executions of a batch go on at once (default 1)
 *   -a        all processes count, not only those that the command reaps: whatever it leaves behind is reparented to us, waited
 *             for and added. A process that somebody reaps by ignoring SIGCHLD is in nobody's rusage, and not in ours.
 *
 * A command that begins with @PID runs in the mount namespace of that process; {} in a word is the number of the execution.
 * Prints a line of JSON for each command, with a list of RUNS numbers for each of these:
 * {"ms": [from the start to the command's end], "userMs", "systemMs", "minorFaults", "majorFaults", "maxRssKB": of the largest
 * process, "orphans": how many processes were left to us in all}. A command that does not exit 0 ends it all with exit 1, and
 * what it printed is on stderr. Small, static and by vfork, so that starting costs nothing beside what is measured. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { most_jobs = 64, most_words = 128, most_commands = 32 };

/* What is printed for each run, in this order. */
enum { MS, USER_MS, SYSTEM_MS, MINOR_FAULTS, MAJOR_FAULTS, FIGURES };
static const char *const names[FIGURES] = {"ms", "userMs", "systemMs", "minorFaults", "majorFaults"};

struct command {
  char **argv;
  int namespace;
  double *figures[FIGURES];
  long rss, orphans;
};

static const char *const then = "+++";

static int batch = 1, jobs = 1, all;
static int quiet, output, executions;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double ms_of(struct timeval time) { return time.tv_sec * 1e3 + time.tv_usec / 1e3; }

/* A word with the number of the execution in the place of {}. */
static char *numbered(char *word, int number) {
  static int next;
  static char words[most_words][256];
  char *place = strstr(word, "{}"), *text = words[next];
  if (!place) return word;
  next = (next + 1) % most_words;
  snprintf(text, sizeof words[0], "%.*s%d%s", (int)(place - word), word, number, place + 2);
  return text;
}

/* Between vfork and execv the memory is our own: nothing may change in it. */
static pid_t start(const struct command *command, char **argv) {
  pid_t child = vfork();
  if (child) return child;
  alarm(300); /* survives execve: a command that hangs ends the measurement, not the machine's day */
  dup2(quiet, 0);
  dup2(output, 1);
  dup2(output, 2);
  if (command->namespace >= 0 && setns(command->namespace, CLONE_NEWNS)) _exit(125);
  execv(argv[0], argv);
  _exit(127);
}

/* Up to the end of the words, or the next +++. */
static pid_t start_numbered(const struct command *command, char **words, int number) {
  char *argv[most_words + 1] = {0};
  for (int i = 0; words[i] && strcmp(words[i], then); i++) {
    if (i == most_words) exit(2);
    argv[i] = numbered(words[i], number);
  }
  return start(command, argv);
}

static void fail(const struct command *command, int status) {
  char text[4096];
  ssize_t length = pread(output, text, sizeof text, 0);
  fprintf(stderr, "measure: %s ended with status %#x: %.*s\n", command->argv[0], status, (int)(length > 0 ? length : 0), text);
  exit(1);
}

static void add(struct command *command, int run, const struct rusage *usage) {
  command->figures[USER_MS][run] += ms_of(usage->ru_utime) / batch;
  command->figures[SYSTEM_MS][run] += ms_of(usage->ru_stime) / batch;
  command->figures[MINOR_FAULTS][run] += (double)usage->ru_minflt / batch;
  command->figures[MAJOR_FAULTS][run] += (double)usage->ru_majflt / batch;
  if (usage->ru_maxrss > command->rss) command->rss = usage->ru_maxrss;
}

/* The slot of a process that we started; -1 for one that was left to us. */
static int slot_of(const pid_t *running, pid_t process) {
  for (int i = 0; i < jobs; i++)
    if (running[i] == process) return i;
  return -1;
}

/* Waits for the next process and counts it. A command that fails ends it all. */
static int wait_one(struct command *command, int run, pid_t *running) {
  struct rusage usage;
  int status;
  pid_t ended = wait4(-1, &status, 0, &usage);
  if (ended < 0) return -1;
  int slot = slot_of(running, ended);
  add(command, run, &usage);
  if (slot < 0) {
    command->orphans++;
    return 0;
  }
  running[slot] = 0;
  if (status) fail(command, status);
  return 1;
}

static void at_once(struct command *command, int run) {
  pid_t running[most_jobs] = {0};
  int started = 0, ended = 0;
  while (ended < batch) {
    for (int slot; started < batch && (slot = slot_of(running, 0)) >= 0; started++)
      if ((running[slot] = start_numbered(command, command->argv, ++executions)) < 0) exit(1);
    int one = wait_one(command, run, running);
    if (one < 0) exit(1);
    ended += one;
  }
}

static char **next_of(char **words) {
  while (*words && strcmp(*words, then)) words++;
  return *words ? words + 1 : NULL;
}

/* Commands one after the other. */
static void in_turn(struct command *command, int run) {
  int number = ++executions;
  for (char **words = command->argv; words; words = next_of(words)) {
    pid_t running[most_jobs] = {0};
    if (!strcmp(*words, "wait")) {
      while (wait_one(command, run, running) >= 0) {}
      continue;
    }
    if ((running[0] = start_numbered(command, words, number)) < 0) exit(1);
    for (int ended = 0; !ended;)
      if ((ended = wait_one(command, run, running)) < 0) exit(1);
  }
}

static void measure(struct command *command, int run) {
  pid_t running[most_jobs] = {0};
  double begin = now();
  if (next_of(command->argv)) for (int i = 0; i < batch; i++) in_turn(command, run);
  else at_once(command, run);
  command->figures[MS][run] = (now() - begin) / batch;
  if (!all) return;
  alarm(30); /* what stays longer is a service, and has no figure */
  while (wait_one(command, run, running) >= 0) {}
  alarm(0);
}

static void print(const struct command *command, int runs) {
  for (int i = 0; i < FIGURES; i++) {
    printf("%s\"%s\":[", i ? "," : "{", names[i]);
    for (int run = 0; run < runs; run++) printf("%s%.3f", run ? "," : "", command->figures[i][run]);
    printf("]");
  }
  printf(",\"maxRssKB\":%ld,\"orphans\":%ld}\n", command->rss, command->orphans);
}

/* Splits the words into commands. Returns how many there are. */
static int parse(char **words, int runs, struct command *commands) {
  int count = 0;
  for (char **word = words; *word; word++) {
    if (count == most_commands) exit(2);
    struct command *command = &commands[count++];
    command->namespace = -1;
    for (int i = 0; i < FIGURES; i++) command->figures[i] = calloc(runs, sizeof(double));
    if (**word == '@') {
      char path[64];
      snprintf(path, sizeof path, "/proc/%s/ns/mnt", *word++ + 1);
      command->namespace = open(path, O_RDONLY | O_CLOEXEC);
    }
    command->argv = word;
    while (word[1] && strcmp(word[1], ":::")) word++;
    if (word[1]) *++word = NULL;
  }
  return count;
}

int main(int argc, char **argv) {
  static struct command commands[most_commands];
  for (int option; (option = getopt(argc, argv, "+ab:j:")) != -1;) {
    if (option == 'a') all = 1;
    else if (option == 'b') batch = atoi(optarg);
    else if (option == 'j') jobs = atoi(optarg);
    else return 2;
  }
  int runs = argc - optind > 1 ? atoi(argv[optind]) : 0;
  if (runs < 1 || batch < 1 || jobs < 1 || jobs > most_jobs) return 2;
  quiet = open("/dev/null", O_RDONLY | O_CLOEXEC);
  output = memfd_create("output", MFD_CLOEXEC);
  if (all && prctl(PR_SET_CHILD_SUBREAPER, 1)) return 1;
  int count = parse(argv + optind + 1, runs, commands);
  for (int run = 0; run < runs; run++)
    for (int i = 0; i < count; i++) {
      if (ftruncate(output, 0)) return 1;
      lseek(output, 0, SEEK_SET);
      measure(&commands[i], run);
    }
  for (int i = 0; i < count; i++) print(&commands[i], runs);
  return 0;
}
