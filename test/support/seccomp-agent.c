/* An agent of seccomp filters: listens at a socket, takes the descriptors that runtimes send, and answers calls by rules.
 *
 *   seccomp-agent SOCKET RULE...
 *     NUMBER=errno:N   the call fails with this errno
 *     NUMBER=value:N   the call has this result
 *     NUMBER=continue  the kernel does it
 *
 * What it is sent it prints, a message a line, as JSON: {"state": ..., "fds": how many}; and a line "closed" when the
 * connection has ended. The first line is "listening". Each filter has a process of its own, which ends with the filter. */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int rules;
static char **rule;

static void answer(struct seccomp_notif *asked, struct seccomp_notif_resp *given) {
  given->error = -ENOTRECOVERABLE;
  for (int i = 0; i < rules; i++) {
    char *end;
    if (strtol(rule[i], &end, 10) != asked->data.nr) continue;
    if (!strncmp(end, "=errno:", 7)) given->error = -atoi(end + 7);
    if (!strncmp(end, "=value:", 7)) given->error = 0, given->val = atoll(end + 7);
    if (!strcmp(end, "=continue")) given->error = 0, given->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  }
}

static void serve(int fd) {
  for (;;) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (poll(&ready, 1, -1) < 0 || !(ready.revents & POLLIN)) return; /* nobody has the filter any more */
    struct seccomp_notif asked = {0};
    struct seccomp_notif_resp given = {0};
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &asked)) continue;
    given.id = asked.id;
    answer(&asked, &given);
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &given);
  }
}

/* @returns the descriptor; prints the message. */
static int take(int connection) {
  static char text[65536];
  union {
    char bytes[CMSG_SPACE(4 * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {text, sizeof text - 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  if (length <= 0) return -1;
  text[length] = 0;
  for (char *at = text; *at; at++)
    if (*at == '\n') *at = ' ';
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  int count = header ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
  int fd = count ? *(int *)CMSG_DATA(header) : -1;
  printf("{\"state\":%s,\"fds\":%d}\n", text, count);
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  rules = argc - 2, rule = argv + 2;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 16)) return perror(argv[1]), 1;
  puts("listening");
  fflush(stdout);
  signal(SIGCHLD, SIG_IGN);
  pid_t self = getpid();
  for (;;) {
    int connection = accept(listener, 0, 0);
    if (connection < 0) continue;
    int fd = take(connection);
    if (fd >= 0 && !fork()) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(listener);
      close(connection);
      if (getppid() == self) serve(fd);
      _exit(0);
    }
    close(fd);
    if (!fork()) {
      char more;
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() == self && read(connection, &more, 1) == 0 && write(1, "closed\n", 7)) {}
      _exit(0);
    }
    close(connection);
  }
}
