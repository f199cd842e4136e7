#!/bin/sh
# buildah with an OCI runtime in place of crun (buildah --runtime): RUN of a Dockerfile, and commands in a container.
. "$(dirname "$0")/common.sh"

printf '[containers]\ndefault_ulimits = []\n' >"$work/containers.conf"
echo '{ "default": [{ "type": "insecureAcceptAnything" }] }' >"$work/policy.json"
printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$work/run" "$work/storage" >"$work/storage.conf"
export CONTAINERS_CONF="$work/containers.conf" CONTAINERS_STORAGE_CONF="$work/storage.conf"
setup="--runtime $runtime --network none --isolation oci"

build() {
  mkdir "$work/context"
  cat >"$work/context/Dockerfile" <<'END'
FROM scratch
ADD busybox.tar /
ENV GREETING=hello
RUN echo $GREETING from $(id -u) >/said && umask && grep -E "^(CapEff|Seccomp:|NoNew)" /proc/self/status
USER 12:34
WORKDIR /made
RUN id; pwd; stat -c '%A %u %g' .; test -w / || echo "not for us"
RUN --mount=type=tmpfs,target=/scratch grep -c " /scratch " /proc/self/mounts
END
  cp "$images/busybox.tar" "$work/context"
  show buildah bud --quiet=false --signature-policy "$work/policy.json" $setup -t built "$work/context" 2>/dev/null | grep -v -e '^Getting' -e '^-->' -e '^[0-9a-f]\{64\}$'
  box=$(buildah from --signature-policy "$work/policy.json" built)
  show buildah run $setup "$box" -- cat /said
  show buildah run $setup "$box" -- sh -c 'exit 5' 2>/dev/null
  show buildah run $setup "$box" -- nothing-of-that-name 2>/dev/null
  show buildah run $setup --user root --terminal --volume "$work/context:/v:ro" "$box" -- sh -c 'id -u; tty; ls /v; touch /v/x' | tr -d '\r'
  show buildah rm "$box" | wc -l
}

sections build
