#!/bin/sh
# containerd's shim for runc with an OCI runtime in place of runc (ctr run --runc-binary): what users of ctr see.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/image.sh"

cat >"$work/config.toml" <<END
version = 2
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$work/socket"
END
export CONTAINERD_ADDRESS="$work/socket"
daemon containerd containerd --config "$work/config.toml"
until_ok "containerd answers" ctr version
import_image || exit 1

own="--runc-binary $runtime --snapshotter native"
busybox=localhost/busybox:latest
# What only sets it up is not shown.
run() { show ctr run $own "$@" | sed "1s|$cgroups|/CGROUP|; 1s| --snapshotter native||"; }
detached() { ctr run -d $own "$@" >/dev/null; }
status() { ctr task ls | sed -n "s/^$1  *[0-9]*  *//p"; }
ended() { [ "$(status "$1")" = STOPPED ]; }

output() {
  run --rm --cgroup "$cgroups/a" $busybox a echo hello
  run --rm --cgroup "$cgroups/b" $busybox b sh -c 'exit 3'
  run --rm --cgroup "$cgroups/c" $busybox c nothing-of-that-name 2>/dev/null
  run --rm --cgroup "$cgroups/d" $busybox d /etc/passwd 2>/dev/null
  show ctr container ls -q
}

surroundings() {
  run --rm --cgroup "$cgroups/a" $busybox a sh -c "$look"
  mkdir -p "$work/volume"
  echo in the volume >"$work/volume/file"
  run --rm --cgroup "$cgroups/b" --cwd /made/for/it --env X=1 --read-only \
    --mount "type=bind,src=$work/volume,dst=/v,options=rbind:ro" --seccomp --allow-new-privs --cap-add CAP_SYS_TIME \
    $busybox b sh -c "$look cat /v/file; touch /v/file /file 2>&1"
}

life() {
  detached --cgroup "$cgroups/web" --pid-file "$work/web.pid" $busybox web sh -c 'trap "exit 9" TERM; while :; do sleep 0.05; done'
  [ "$(cat "$work/web.pid")" -gt 1 ] && echo "a pid file"
  show ctr task exec --exec-id one web sh -c 'echo inside; exit 5'
  show ctr task exec --exec-id two --user 12:34 --cwd /bin web sh -c 'id; pwd'
  show ctr task ps web | wc -l
  show ctr task pause web && status web
  show ctr task resume web && status web
  show ctr task metrics web >/dev/null
  show ctr task kill --signal TERM web
  until_ok "it has ended" ended web
  show ctr task delete web
  show ctr container delete web
  detached --cgroup "$cgroups/web" $busybox web sleep 1000
  show ctr task delete --force web 2>/dev/null
  show ctr container delete web
}

terminals() {
  # script(1) gives ctr a terminal, and writes what it sees.
  script -qec "ctr run --rm --tty $own --cgroup $cgroups/t $busybox t sh -c 'tty; test -c /dev/console && echo console'" /dev/null \
    </dev/null | tr -d '\r' | grep -a -o -e /dev/pts.* -e console
}

limits() {
  daemon events ctr events
  detached --cgroup "$cgroups/web" --memory-limit 33554432 --cpus 0.5 --pid-file "$work/web.pid" $busybox web sleep 1000
  pid=$(cat "$work/web.pid")
  in_cgroup "$pid" memory.max memory.swap.max cpu.max pids.max
  ctr task metrics web | sed -n 's/^\([a-z_.]*limit\|pids.current\) *\([0-9]*\) *$/\1 \2/p' | sort
  show ctr task pause web && in_cgroup "$pid" cgroup.freeze
  show ctr task resume web && in_cgroup "$pid" cgroup.freeze
  show ctr task exec --exec-id greedy web dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null
  until_ok "it is told" grep -q '/tasks/oom.*web' "$work/events.log"
  show ctr task kill --signal KILL web
  until_ok "it has ended" ended web
  show ctr task delete web 2>/dev/null
  show ctr container delete web
  find /sys/fs/cgroup -path "*$cgroups/*" -type d
}

sections output surroundings life terminals limits
