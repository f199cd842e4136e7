/** Containers, mounts and init systems inside of a container. */

import type { Program } from "./program.ts";

export const containersInside: Program[] = [
  {
    name: "systemd as process 1",
    options: "--privileged --tmpfs /run --tmpfs /run/lock --tmpfs /tmp",
    outside: `id=$(new -d --name sd --privileged --tmpfs /run --tmpfs /run/lock -e container=docker matrix /sbin/init)
await td exec sd sh -c 'case $(systemctl is-system-running) in running|degraded) ;; *) exit 1 ;; esac'
td exec sd systemctl start nginx redis-server cron >/dev/null 2>/tmp/err || tail -n 3 /tmp/err
td exec sd systemctl is-active nginx redis-server cron systemd-journald dbus || true
td exec sd systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | sort
td exec sd systemd-run -q --wait -p User=www-data -p PrivateTmp=yes -p ProtectSystem=strict true && echo sandboxed
td exec sd systemd-run -q --wait -p DynamicUser=yes true && echo dynamic
td stop -t 20 sd >/dev/null; td inspect -f '{{.State.ExitCode}}' sd; td rm -f sd >/dev/null`,
  },
  {
    name: "unshare (SYS_ADMIN)",
    options: "--cap-add SYS_ADMIN --security-opt systempaths=unconfined",
    inside: `unshare -m sh -c 'mount -t tmpfs none /mnt && echo tmpfs'; unshare --pid --fork --mount-proc sh -c 'ls -d /proc/[0-9]* | wc -l'; unshare -n ip link show lo | grep -c lo; mkdir /a /b; mount --bind /a /b; echo bound`,
  },
  {
    name: "overlay inside (SYS_ADMIN)",
    options: "--cap-add SYS_ADMIN --tmpfs /t:exec",
    inside: `mkdir -p /t/l /t/u /t/w /t/m; echo x >/t/l/a; mount -t overlay -o lowerdir=/t/l,upperdir=/t/u,workdir=/t/w none /t/m; cat /t/m/a; rm /t/m/a; test ! -e /t/m/a; echo gone`,
  },
  {
    name: "user namespaces inside",
    options: "--security-opt seccomp=unconfined --security-opt systempaths=unconfined",
    inside: `useradd -m u; runuser -u u -- unshare -Ur id -u; runuser -u u -- unshare -Urmpf --mount-proc sh -c 'echo /proc/[0-9]*'`,
  },
  {
    name: "rootless maps inside (newuidmap)",
    options: "--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt systempaths=unconfined",
    inside: `useradd -m u; echo u:10000:5000 >/etc/subuid; echo u:10000:5000 >/etc/subgid; runuser -u u -- unshare -U --map-users=10000,0,5000 --map-groups=10000,0,5000 --map-root-user sh -c 'id -u; awk "{ print \\$1, \\$3 }" /proc/self/uid_map'`,
  },
  {
    name: "bubblewrap",
    options: "--security-opt seccomp=unconfined --security-opt systempaths=unconfined",
    inside: `useradd -m u; runuser -u u -- bwrap --ro-bind / / --dev /dev --proc /proc --unshare-all --die-with-parent sh -c 'id -un; echo x >/dev/null'`,
  },
  {
    name: "crun inside (--privileged)",
    options: "--privileged",
    inside: `mkdir -p /b/rootfs; cp -a /bin /lib /lib64 /b/rootfs/ 2>/dev/null || true; mkdir -p /b/rootfs/usr; cp -a /usr/bin /usr/lib /usr/lib64 /b/rootfs/usr/ 2>/dev/null || true; cd /b; crun spec; sed -i 's/"terminal": true/"terminal": false/; s,"sh","/usr/bin/id",' config.json; crun --cgroup-manager=disabled run c`,
  },
  {
    name: "fuse: bindfs, squashfuse",
    options: "--device /dev/fuse --cap-add SYS_ADMIN",
    inside: `mkdir /a /b /c; echo x >/a/f; bindfs --force-user=www-data /a /b; stat -c %U /b/f; mksquashfs /a /s.img -quiet -no-progress >/dev/null; squashfuse /s.img /c; cat /c/f; umount /b /c`,
  },
  {
    name: "fuse of a user (fusermount)",
    options: "--device /dev/fuse --cap-add SYS_ADMIN",
    inside: `useradd -m u; runuser -u u -- sh -c 'cd; mkdir a b; echo x >a/f; bindfs a b; stat -c %U b/f; fusermount3 -u -q b || umount b; test ! -e b/f'`,
  },
];
