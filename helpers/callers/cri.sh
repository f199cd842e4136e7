#!/bin/sh
# Kubernetes' way: containerd's CRI with an OCI runtime as the handler of a RuntimeClass, asked as a kubelet asks it.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/image.sh"

# Beside cgroup v1 there are no limits to be had.
[ -e /sys/fs/cgroup/cgroup.controllers ] && no_cgroups=false || no_cgroups=true
[ -n "$by_systemd" ] && systemd=true || systemd=false
cat >"$work/config.toml" <<END
version = 2
root = "$work/root"
state = "$work/state"
[grpc]
address = "$work/socket"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/busybox:latest"
restrict_oom_score_adj = true
disable_cgroup = $no_cgroups
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "$work/none"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
default_runtime_name = "tested"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested.options]
BinaryName = "$runtime"
SystemdCgroup = $systemd
END
export CONTAINERD_ADDRESS="$work/socket" CONTAINERD_NAMESPACE=k8s.io
daemon containerd containerd --config "$work/config.toml"
until_ok "containerd answers" ctr version
import_image || exit 1
asked_of_it() { "$helpers/../node_modules/.bin/bun" "$helpers/callers/pods.ts" "$1" "$work/socket" tested "$work" "$cgroups"; }
life() { asked_of_it life; }
limits() { asked_of_it limits; }
# The same, in scopes of systemd, of which none is left.
scopes() {
  asked_of_it scopes
  find /sys/fs/cgroup -name 'cri-containerd-*'
  systemctl list-units --all --no-legend 'cri-containerd-*'
}

sections life limits scopes
