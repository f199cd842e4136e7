/* Receives datagrams at a path and writes each to stdout, so many of them: datagrams PATH COUNT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  static char data[1 << 16];
  int left = argc == 3 ? atoi(argv[2]) : 0;
  int receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (left == 0) return 2;
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  if (receiver < 0 || bind(receiver, (struct sockaddr *)&address, sizeof address) < 0) return 1;
  alarm(30);
  for (; left > 0; left--) {
    ssize_t length = recv(receiver, data, sizeof data, 0);
    if (length < 0 || write(1, data, length) < 0 || write(1, "\n", 1) < 0) return 1;
  }
  return 0;
}
