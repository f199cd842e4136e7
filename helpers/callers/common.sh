# What the scripts beside this one share: namespaces of their own, the callers' programs, and how it is shown.
#
#   helpers/callers/NAME.sh RUNTIME [SECTION...]
#
# RUNTIME is the path of an OCI runtime: dist/tinydocker-runtime, /usr/sbin/runc, /usr/bin/crun. Each script shows the
# commands of a caller, what the containers write, and the exit codes that are not 0: the same for every runtime, so that
# two runs can be compared with diff(1). What the callers complain of goes to stderr. Their programs are those of the
# PATH, or of what `helpers/setup callers` has unpacked. Needs root; no network, firewall or mount of the host is touched.
set -u

if [ -z "${CALLERS_RUNTIME:-}" ]; then
  [ $# -ge 1 ] || { sed -n 's/^# \{0,1\}//p' "$0" >&2; exit 2; }
  case $1 in
    */*) CALLERS_RUNTIME=$(cd "$(dirname "$1")" && pwd)/${1##*/} ;;
    *) CALLERS_RUNTIME=$(command -v "$1") || { echo "$0: no $1 in PATH" >&2; exit 2; } ;;
  esac
  shift
  export CALLERS_RUNTIME
  # With its processes ends everything that the callers have left running.
  exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private sh "$0" "$@"
fi
runtime=$CALLERS_RUNTIME
unset CALLERS_RUNTIME
images=$(cd "$(dirname "$0")/../../images" && pwd)
unpacked=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tinydocker-callers
PATH=$PATH:/usr/sbin:/sbin:$unpacked/usr/bin:$unpacked/usr/sbin
export PATH

umask 022
work=$(mktemp -d "${TMPDIR:-/tmp}/callers.XXXXXX") || exit 1
cgroups=/${work##*/}
daemons=
trap end EXIT
trap 'exit 1' INT TERM
mount -t tmpfs -o mode=755 run /run
ip link set lo up
# Where cgroup v1 and v2 lie side by side, runc and crun need v1 alone, and ours takes v2.
case ${runtime##*/} in tinydocker*) ;; *) while umount /sys/fs/cgroup/unified 2>/dev/null; do :; done ;; esac

end() {
  code=$?
  for pid in $daemons; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  [ "$code" = 0 ] || for log in "$work"/*.log; do [ ! -e "$log" ] || tail -n 20 "$log" >&2; done
  kill -9 -1 2>/dev/null # all but ourselves: we are the first process here
  awk -v "below=$work" '$5 ~ "^" below { print $5 }' /proc/self/mountinfo | sort -r | while read -r at; do umount -l "$at"; done
  find /sys/fs/cgroup -depth -path "*$cgroups*" -type d -exec rmdir {} + 2>/dev/null
  rm -rf "$work"
  exit "$code"
}

# daemon NAME COMMAND...: in the background until the script ends.
daemon() {
  log=$work/$1.log
  shift
  "$@" >"$log" 2>&1 &
  daemons="$! $daemons"
}

# until_ok WHAT COMMAND...: tries until it succeeds.
until_ok() {
  what=$1 tries=0
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { echo "$0: waited too long: $what" >&2; exit 1; }
    sleep 0.1
  done
}

# show COMMAND...: the command without what only sets it up, what it writes, and its exit code unless that is 0.
show() {
  echo "$ $*" | sed -n -e "s|$work|WORK|g; s|$runtime|RUNTIME|g" -e 's/ --network none//; s/ sh -c .*/ sh -c .../; 1p'
  "$@"
  ended=$?
  [ $ended = 0 ] || echo "exit $ended"
}

# The sections that were asked for, or those that this machine can: limits need cgroup v2 alone.
sections() {
  for section in ${asked:-$*}; do
    if [ "$section" = limits ] && [ ! -e /sys/fs/cgroup/cgroup.controllers ] && [ -z "$asked" ]; then continue; fi
    printf '\n== %s\n' "$section"
    "$section"
  done
}
asked=$*

# A program that says that it runs, is told by SIGUSR1 and ends with 9 by SIGTERM.
lasting='trap "exit 9" TERM; trap "echo usr1" USR1; sleep 1000 & echo started; while :; do wait; done'

# What a program finds around it. Masks, super blocks and the order of mounts are the runtime's own affair.
look='
id; pwd; hostname | grep box; umask; env | grep -v ^HOSTNAME= | sort
grep -E "^(Cap|NoNew|Seccomp:|Groups|Sig(Blk|Ign))" /proc/self/status
sed "s/  */ /g" /proc/self/limits | grep "core file size [0-9]* [0-9]"
grep 500 /proc/self/oom_score_adj; cat /proc/sys/net/ipv4/ip_unprivileged_port_start
while read -r _ _ _ _ at options rest; do
  case $at in /proc/?*|/sys/?*) continue ;; esac
  type=${rest#*- }
  case $at in /dev*|/proc|/sys|/run) ;; *) type= ;; esac
  echo "$at $options ${type%% *}"
done </proc/self/mountinfo | sort
grep -o " /proc/\(bus\|fs\|irq\|sys\) ro," /proc/self/mountinfo | sort
cd /dev; stat -c "%A %u %g %t %T %N" $(ls | grep -v -e console -e core) | sort
echo shm $(ls -A shm) fds $(ls /proc/self/fd | wc -l); ls -A /sys/firmware; wc -c </proc/timer_list
{ echo x >/proc/sys/kernel/domainname; } 2>/dev/null || echo "/proc/sys is read-only"
readlink /proc/self/exe; ps -o pid,args | sed -n 2p | cut -c 1-30
'
