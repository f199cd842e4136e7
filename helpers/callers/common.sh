# What the scripts beside this one share: namespaces of their own, the callers' programs, and how it is shown.
#
#   helpers/callers/NAME.sh [--systemd] RUNTIME [SECTION...]
#
# RUNTIME is the path of an OCI runtime: dist/tinydocker-runtime, /usr/sbin/runc, /usr/bin/crun. Each script shows the
# commands of a caller, what the containers write, and the exit codes that are not 0: the same for every runtime, so that
# two runs can be compared with diff(1). What the callers complain of goes to stderr. Their programs are those of the
# PATH, or of what `helpers/setup callers` has unpacked. Needs root; no network, firewall or mount of the host is touched.
#
# With --systemd the callers let systemd make the cgroups, in a slice of the script's own: for throw-away machines, as
# systemd knows processes by the numbers that they have outside, and no pid namespace ends what a script has left.
set -u

if [ -z "${CALLERS_RUNTIME:-}" ]; then
  alone="--pid --fork --kill-child --mount-proc" CALLERS_SYSTEMD=
  [ "${1:-}" != --systemd ] || { alone= CALLERS_SYSTEMD=yes && shift; }
  [ $# -ge 1 ] || { sed -n 's/^# \{0,1\}//p' "$0" >&2; exit 2; }
  case $1 in
    */*) CALLERS_RUNTIME=$(cd "$(dirname "$1")" && pwd)/${1##*/} ;;
    *) CALLERS_RUNTIME=$(command -v "$1") || { echo "$0: no $1 in PATH" >&2; exit 2; } ;;
  esac
  shift
  export CALLERS_RUNTIME CALLERS_SYSTEMD
  # With its processes ends everything that the callers have left running.
  exec unshare --mount --net --propagation private $alone sh "$0" "$@"
fi
runtime=$CALLERS_RUNTIME by_systemd=$CALLERS_SYSTEMD
unset CALLERS_RUNTIME CALLERS_SYSTEMD
helpers=$(cd "$(dirname "$0")/.." && pwd)
images=$helpers/../images
unpacked=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tinydocker-callers
PATH=$PATH:/usr/sbin:/sbin:$unpacked/usr/bin:$unpacked/usr/sbin
export PATH

umask 022
work=$(mktemp -d "${TMPDIR:-/tmp}/callers.XXXXXX") || exit 1
# The cgroup, or the slice, that the containers are to be in.
cgroups=/${work##*/} driver=cgroupfs
[ -z "$by_systemd" ] || cgroups=callers${work##*.}.slice driver=systemd
daemons= self=
trap end EXIT
trap 'exit 1' INT TERM
mkdir "$work/run" && mount --rbind /run "$work/run" && mount -t tmpfs -o mode=755 run /run
for directory in ${by_systemd:+systemd dbus}; do
  mkdir "/run/$directory" && mount --rbind "$work/run/$directory" "/run/$directory"
done
umount -l "$work/run" && rmdir "$work/run"
ip link set lo up
# dockerd looks in its own cgroup for what can be limited, and the root has no files for it.
if [ -e /sys/fs/cgroup/cgroup.controllers ] && [ ! -e /sys/fs/cgroup/cgroup.type ]; then
  self=/sys/fs/cgroup/${work##*/}-self && mkdir "$self" && echo $$ >"$self/cgroup.procs"
fi
# Where cgroup v1 and v2 lie side by side, runc and crun need v1 alone, and ours takes v2.
case ${runtime##*/} in tinydocker*) ;; *) while umount /sys/fs/cgroup/unified 2>/dev/null; do :; done ;; esac

end() {
  code=$?
  for pid in $daemons; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  [ "$code" = 0 ] || for log in "$work"/*.log; do [ ! -e "$log" ] || tail -n 20 "$log" >&2; done
  # All but ourselves: we are the first process here.
  if [ -n "$by_systemd" ]; then systemctl stop "$cgroups"; else kill -9 -1; fi 2>/dev/null
  awk -v "below=$work" '$5 ~ "^" below { print $5 }' /proc/self/mountinfo | sort -r | while read -r at; do umount -l "$at"; done
  [ -z "$self" ] || { echo $$ >/sys/fs/cgroup/cgroup.procs && rmdir "$self"; }
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
    [ $tries -lt 1200 ] || { echo "$0: waited too long: $what" >&2; exit 1; }
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

# The sections that were asked for, or those that this machine can: limits need cgroup v2 alone, scopes need --systemd.
sections() {
  for section in ${asked:-$*}; do
    case $section in
      limits) can=$([ ! -e /sys/fs/cgroup/cgroup.controllers ] || echo yes) ;;
      scopes) can=$by_systemd ;;
      *) can=yes ;;
    esac
    if [ -z "$can" ] && [ -z "$asked" ]; then continue; fi
    printf '\n== %s\n' "$section"
    "$section"
  done
}
asked=$*

# in_cgroup PID FILE...: these files of the cgroup of a process, as the kernel has them.
in_cgroup() {
  at=/sys/fs/cgroup$(sed -n s/^0:://p "/proc/$1/cgroup")
  shift
  for file; do echo "$file $(cat "$at/$file")"; done
}

# scope PID: the unit of a process, what systemd knows of it, and where it is.
scope() {
  unit=$(sed 's|.*/||' "/proc/$1/cgroup")
  sed "$nameless; s|$cgroups|SLICE|; s|^0::||" "/proc/$1/cgroup"
  systemctl show --property Slice,ActiveState,Delegate,MemoryMax,MemorySwapMax,TasksMax,CPUQuotaPerSecUSec,AllowedCPUs "$unit" |
    sed "s|$cgroups|SLICE|" | sort
}

# For sed: what is random.
nameless='s/[0-9a-f]\{64\}/ID/'

# gone UNIT: nothing is left of it.
gone() {
  systemctl show --property LoadState "$1"
  find /sys/fs/cgroup -name "$1"
}

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
