#!/bin/sh
# docker's engine with an OCI runtime in place of runc (dockerd --add-runtime): what its users do, and what they see.
. "$(dirname "$0")/common.sh"

echo '{}' >"$work/daemon.json"
export DOCKER_HOST="unix://$work/socket"
engine() {
  daemon dockerd dockerd --config-file "$work/daemon.json" --data-root "$work/data" --exec-root "$work/exec" \
    --pidfile "$work/pid" --host "$DOCKER_HOST" --bridge none --iptables=false --ip6tables=false --ip-forward=false \
    --exec-opt "native.cgroupdriver=$driver" --cgroup-parent "$cgroups" --live-restore \
    --add-runtime "tested=$runtime" --default-runtime tested
  until_ok "dockerd answers" test -S "$work/socket"
  until_ok "dockerd answers" docker version
}
run() { show docker run --network none "$@"; }
detached() { docker run -d --network none "$@" >/dev/null; }
state() { docker inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' "$1"; }
logged() { docker logs "$1" | grep -q "$2"; }

output() {
  run --rm busybox echo hello
  echo from stdin | run --rm -i busybox sh -c 'cat; exit 3'
  run --rm busybox sh -c 'kill -9 $$'
  run --rm busybox nothing-of-that-name 2>/dev/null
  run --rm busybox /not/there 2>/dev/null
  run --rm busybox /etc/passwd 2>/dev/null
  show docker ps -aq
}

surroundings() {
  run --rm --hostname box busybox sh -c "$look"
  mkdir -p "$work/volume"
  echo in the volume >"$work/volume/file"
  run --rm --hostname box --user 1000:1001 --group-add 77 --workdir /made/for/it --env X=1 --cap-drop ALL \
    --cap-add NET_RAW --security-opt no-new-privileges --read-only --tmpfs /scratch:size=1m --shm-size 2m \
    --volume "$work/volume:/v:ro" --oom-score-adj 500 --ulimit core=0:1 --init \
    --sysctl net.ipv4.ip_unprivileged_port_start=0 busybox sh -c "$look cat /v/file; touch /v/file /file 2>&1"
  run --rm --device /dev/null:/dev/own:rw busybox sh -c \
    'stat -c "%t %T" /dev/own; mknod /tmp/n b 7 0; cat /tmp/n 2>&1'
}

life() {
  detached --name web --ipc shareable busybox sh -c "$lasting"
  until_ok "web has started" logged web started
  show docker exec web sh -c 'echo inside; exit 5'
  echo from stdin | show docker exec -i -u 12:34 -w /bin -e X=2 web sh -c 'cat; id; pwd; echo $X'
  show docker exec web nothing-of-that-name | grep -v OCI
    show docker top web -o pid,args | sed 's/^ *[0-9]* *//' | sort
  docker run --rm --network container:web --pid container:web --ipc container:web busybox sh -c 'ps -o args | sed -n 2p'
  show docker kill -s USR1 web
  until_ok "it has heard of it" logged web usr1
  show docker logs web
  show docker pause web && state web
  show docker unpause web && state web
  show docker restart web && state web
  show docker stop web && state web
  show docker start web && state web
  show docker kill web && state web
  show docker start web
  show docker rm -f web
  show docker ps -aq
}

terminals() {
  run --rm -t busybox sh -c 'tty; test -c /dev/console && echo console; stty -a 2>/dev/null </dev/tty | grep -o "[^ ]*icanon"' | tr -d '\r'
  detached -t --name term busybox sleep 1000
  show docker exec -t term sh -c 'tty; ls /dev/pts' | tr -d '\r'
  show docker rm -f term
}

# Restart policies, health checks, commit (which pauses), cp and diff, and an engine that is killed.
engine_things() {
  detached --name again --restart on-failure:2 busybox sh -c 'echo run; exit 4'
  detached --name well --health-cmd 'test -e /well' --health-interval 0.2s busybox sh -c 'touch /well; exec sleep 1000'
  given_up() { [ "$(docker inspect --format '{{.State.Status}} {{.RestartCount}}' again)" = "exited 2" ]; }
  until_ok "it is given up" given_up
  show docker logs again
  healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' well)" = healthy ]; }
  until_ok "it is well" healthy
  docker commit well copy >/dev/null
  run --rm copy ls /well
  docker cp well:/well - | tar -t
  show docker diff well
  kill -9 "$(cat "$work/pid")"
  wait "$(cat "$work/pid")" 2>/dev/null
  engine
  state well
  show docker exec well echo still there
  show docker rm -f again well
}

limited="--memory 32m --memory-swap 48m --memory-reservation 16m --cpus 0.5 --cpuset-cpus 0 --pids-limit 50"
# Not cpu.weight: what --cpu-shares are of it, runc 1.1 has another formula for (docs/oci-runtime.md).
files="memory.max memory.swap.max memory.low cpu.max cpuset.cpus pids.max"
pid_of() { docker inspect --format '{{.State.Pid}}' "$1"; }

greedy="dd if=/dev/zero of=/dev/null bs=99M count=1"
oom_told() { docker events --since 10m --until 0s --filter event=oom --format '{{.Actor.Attributes.name}}' | grep -q "^$1"; }

# A process is killed for its memory, which the engine is told of beside the end of it; then the container is ended.
take_memory() {
  show docker exec web $greedy 2>/dev/null
  until_ok "it is told" oom_told web
  show docker kill web
  state web
}

limits() {
  detached --name web $limited --device-cgroup-rule 'c 1:11 w' busybox sh -c '
    mknod /tmp/n c 1 11; : >/tmp/n && echo allowed
    cat /sys/fs/cgroup/memory.max; echo started; exec sleep 1000'
  until_ok "web has started" logged web started
  docker logs web
  pid=$(pid_of web)
  in_cgroup "$pid" $files
  show docker update --memory 64m --memory-swap 96m --cpus 0.25 --pids-limit 9 --cpuset-cpus 1 web | grep -v IPv4
  in_cgroup "$pid" $files
  show docker stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' web | sed 's|[0-9.]*.iB /|SOME /|'
  take_memory
  run --rm --memory 16m --memory-swap 16m busybox $greedy 2>/dev/null
  show docker rm web
}

# A container in its scope, which knows of its limits, and goes with it.
scopes() {
  detached --name web $limited busybox sleep 1000
  pid=$(pid_of web)
  scope "$pid"
  in_cgroup "$pid" $files
  show docker update --memory 64m --memory-swap 96m --cpus 0.25 --pids-limit 9 --cpuset-cpus 1 web | grep -v IPv4
  scope "$pid"
  in_cgroup "$pid" $files
  take_memory
  show docker rm web
  gone "$unit"
}

engine
docker import "$images/busybox.tar" busybox >/dev/null || exit 1
sections output surroundings life terminals engine_things limits scopes
