/* keyring add NAME COMMAND [ARG...]   runs a command in a new session keyring that has a key of this name
 * keyring look NAME                   its session keyring, the keys in it, and what a search for the key finds: "SERIAL KEYS FOUND"
 * keyring put NAME                    adds a key of this name to its session keyring, then as look
 * keyring there                       exits with 0 if this kernel has keys */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long add(const char *name) {
  return syscall(SYS_add_key, "user", name, "secret", 6, KEY_SPEC_SESSION_KEYRING);
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "", *name = argc > 2 ? argv[2] : "";
  if (!strcmp(how, "there")) return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1) < 0;
  if (!strcmp(how, "add") && argc > 3) {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 || add(name) < 0) { perror("keyring"); return 1; }
    execvp(argv[3], argv + 3);
    perror(argv[3]);
    return 127;
  }
  if (!strcmp(how, "put") && add(name) < 0) printf("%s ", strerrorname_np(errno));
  int keys[1000];
  long serial = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  if (serial < 0) printf("%s ", strerrorname_np(errno));
  long bytes = syscall(SYS_keyctl, KEYCTL_READ, KEY_SPEC_SESSION_KEYRING, keys, sizeof keys);
  long found = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", name, 0);
  printf("%ld %ld %s\n", serial, bytes < 0 ? bytes : bytes / 4, found < 0 ? strerrorname_np(errno) : "found");
  return 0;
}
