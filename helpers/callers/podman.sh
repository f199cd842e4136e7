#!/bin/sh
# podman with an OCI runtime in place of crun (podman --runtime): what its users do, and what they see.
. "$(dirname "$0")/common.sh"

cat >"$work/containers.conf" <<END
[containers]
default_ulimits = []
pids_limit = 0
[engine]
events_logger = "none"
runtime = "tested"
runtime_supports_nocgroup = ["tested"]
[engine.runtimes]
tested = ["$runtime"]
END
echo '{ "default": [{ "type": "insecureAcceptAnything" }] }' >"$work/policy.json"
export CONTAINERS_CONF="$work/containers.conf"
podman() {
  command podman --root "$work/storage" --runroot "$work/run" --tmpdir "$work/tmp" --storage-driver vfs --cgroup-manager "$driver" "$@"
}
alone="--network none --ulimit host --cgroup-parent $cgroups"
run() { show podman run $alone "$@" | sed "1s| --ulimit host --cgroup-parent $cgroups||"; }
detached() { podman run -d $alone "$@" >/dev/null; }
state() { podman inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' "$1"; }
logged() { podman logs "$1" | grep -q "$2"; }

output() {
  run --rm busybox echo hello
  echo from stdin | run --rm -i busybox sh -c 'cat; exit 3'
  run --rm busybox nothing-of-that-name 2>/dev/null
  run --rm busybox /etc/passwd 2>/dev/null
  show podman ps -aq
}

surroundings() {
  run --rm --hostname box busybox sh -c "$look"
  mkdir -p "$work/volume"
  echo in the volume >"$work/volume/file"
  run --rm --hostname box --user 1000:1001 --group-add 77 --workdir /bin --env X=1 --cap-drop ALL --cap-add NET_RAW \
    --security-opt no-new-privileges --read-only --tmpfs /scratch:size=1m --shm-size 2m --volume "$work/volume:/v:ro" \
    --umask 027 --sysctl net.ipv4.ip_unprivileged_port_start=0 busybox sh -c "$look cat /v/file; touch /v/file /file 2>&1"
  run --rm --device /dev/null:/dev/own:rw busybox sh -c 'stat -c "%t %T" /dev/own; mknod /tmp/n b 7 0; cat /tmp/n 2>&1'
}

life() {
  detached --name web busybox sh -c "$lasting"
  until_ok "web has started" logged web started
  show podman exec web sh -c 'echo inside; exit 5'
  echo from stdin | show podman exec -i -u 12:34 -w /bin -e X=2 web sh -c 'cat; id; pwd; echo $X'
  show podman exec web nothing-of-that-name 2>/dev/null
  show podman top web args | sed 's/ *$//' | sort
  podman run --rm --ulimit host --cgroup-parent "$cgroups" --network container:web --pid container:web busybox sh -c 'ps -o args | sed -n 2p'
  show podman kill --signal USR1 web
  until_ok "it has heard of it" logged web usr1
  show podman logs web
  show podman pause web >/dev/null && state web
  show podman unpause web >/dev/null && state web
  show podman restart web >/dev/null && state web
  show podman stop web && state web
  show podman start web && state web
  show podman rm -f web
  show podman ps -aq
}

terminals() {
  run --rm -t busybox sh -c 'tty; test -c /dev/console && echo console' | tr -d '\r'
  detached -t --name term busybox sleep 1000
  show podman exec -t term sh -c 'tty; ls /dev/pts' | tr -d '\r'
  show podman rm -f -t 0 term
}

engine_things() {
  detached --name again --restart on-failure:2 busybox sh -c 'echo run; exit 4'
  given_up() { [ "$(podman inspect --format '{{.State.Status}} {{.RestartCount}}' again)" = "exited 2" ]; }
  until_ok "it is given up" given_up
  show podman logs again
  detached --name well --health-cmd 'test -e /well' --health-interval disable busybox sh -c 'touch /well; exec sleep 1000'
  show podman healthcheck run well
  podman commit -q well copy >/dev/null 2>&1
  run --rm localhost/copy ls /well
  show podman rm -f -t 0 again well | sort
}

limited="--memory 32m --memory-swap 48m --memory-reservation 16m --cpus 0.5 --cpuset-cpus 0 --pids-limit 50"
files="memory.max memory.swap.max memory.low cpu.max cpuset.cpus pids.max"
pid_of() { podman inspect --format '{{.State.Pid}}' "$1"; }

greedy="dd if=/dev/zero of=/dev/null bs=99M count=1"

# A process is killed for its memory. Whether this podman calls that OOMKilled is a matter of luck, with runc too.
take_memory() {
  show podman exec web $greedy 2>/dev/null
  show podman stop -t 0 web
  podman inspect --format '{{.State.Status}} {{.State.ExitCode}}' web
}

limits() {
  detached --name web $limited busybox sleep 1000
  pid=$(pid_of web)
  in_cgroup "$pid" $files
  show podman update --memory 64m --memory-swap 96m --cpus 0.25 --cpuset-cpus 1 web | sed "$nameless"
  in_cgroup "$pid" $files
  show podman stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' web | sed 's|[0-9.]*[a-zA-Z]* /|SOME /|'
  show podman pause web && in_cgroup "$pid" cgroup.freeze
  show podman unpause web && in_cgroup "$pid" cgroup.freeze
  take_memory
  run --rm --memory 16m --memory-swap 16m busybox $greedy 2>/dev/null
  show podman rm web
}

# A container in its scope, which knows of its limits, and goes with it.
scopes() {
  detached --name web $limited busybox sleep 1000
  pid=$(pid_of web)
  scope "$pid"
  in_cgroup "$pid" $files
  show podman update --memory 64m --memory-swap 96m --cpus 0.25 --cpuset-cpus 1 web | sed "$nameless"
  scope "$pid"
  in_cgroup "$pid" $files
  take_memory
  show podman rm web
  gone "$unit"
}

podman import --quiet "$images/busybox.tar" busybox >/dev/null 2>&1 || exit 1
sections output surroundings life terminals engine_things limits scopes
