/** Options and commands of the engine itself. */

import type { Program } from "./program.ts";

export const ofTheEngine: Program[] = [
  {
    name: "--tmpfs with owner and mode",
    options: "--tmpfs /t:uid=33,gid=34,mode=0750",
    inside: `stat -c %u:%g:%a /t; runuser -u www-data -- touch /t/x; stat -c %u /t/x`,
  },
  {
    name: "--read-only",
    options: "--read-only --tmpfs /tmp --tmpfs /run --tmpfs /var/lib/nginx --tmpfs /var/log/nginx",
    inside: `touch /x 2>/dev/null || echo refused; nginx; await curl -sf -o /dev/null http://127.0.0.1/; users nginx`,
  },
  {
    name: "--shm-size, semaphores and queues of a user",
    options: "--user www-data --shm-size 1m",
    inside: `python3 -c 'import multiprocessing as m; m.Semaphore(); print(1)'; df -k /dev/shm | tail -n 1 | awk '{ print $2 }'; stat -c %a /dev/mqueue`,
  },
  {
    name: "--sysctl",
    options: "--sysctl net.core.somaxconn=200 --sysctl kernel.msgmax=10000 --sysctl net.ipv4.ping_group_range='0 100'",
    inside: `cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax; cat /proc/sys/net/ipv4/ping_group_range`,
  },
  {
    name: "sysctl -w (--privileged)",
    options: "--privileged",
    inside: `sysctl -w net.ipv4.ip_forward=1; sysctl -w net.core.somaxconn=200; sysctl -w kernel.shmmax=1000000`,
  },
  { name: "--user 70000", outside: `new --rm -u 70000:70000 matrix sh -c 'id -u; touch /tmp/x; stat -c %u /tmp/x'` },
  {
    name: "an image with owners above 65535",
    outside: `mkdir -p $SCRATCH/i/bin; cp $BUSYBOX $SCRATCH/i/bin/sh; mkdir $SCRATCH/i/home; chown 1000720000:1000720000 $SCRATCH/i/home; tar -C $SCRATCH/i -c . | td import - wide >/dev/null; new --rm -u 1000720000 wide /bin/sh -c 'busybox stat -c %u /home; echo x >/home/a; busybox stat -c %u /home/a' ; rm -r $SCRATCH/i`,
  },
  {
    name: "a volume of two containers",
    outside: `td volume create vol >/dev/null; new -d --name one -v vol:/v matrix sh -c 'until test -e /v/b; do sleep 0.1; done; stat -c %U /v/b' >/dev/null; new --rm -v vol:/v matrix sh -c 'touch /v/a; chown www-data /v/a; runuser -u www-data -- sh -c "echo x >/v/a"; touch /v/b; chown 33 /v/b; stat -c %U /v/a'; td wait one; td logs one; td rm one >/dev/null; td volume rm vol >/dev/null`,
  },
  {
    name: "a volume that begins as /var/lib/postgresql",
    outside: `new --rm -v pg:/var/lib/postgresql matrix sh -c 'pg_ctlcluster 15 main start; pg_ctlcluster 15 main stop'; new --rm -v pg:/var/lib/postgresql matrix sh -c 'pg_ctlcluster 15 main start; stat -c %U:%a /var/lib/postgresql/15/main; pg_ctlcluster 15 main stop'; new --rm --userns host -v pg:/d matrix stat -c %U:%a /d/15/main; td volume rm pg >/dev/null`,
  },
  {
    name: "a directory of the host, root calls",
    outside: `d=$SCRATCH/b; mkdir $d; new --rm -v $d:/b matrix sh -c 'echo x >/b/a; touch /b/c; chown 33 /b/c; mkdir /b/d'; stat -c %u:%g $d/*; rm -r $d`,
  },
  {
    name: "a directory of the host, behind sudo",
    outside: `export SUDO_UID=1234 SUDO_GID=1235; d=$SCRATCH/b; mkdir $d; touch $d/mine $d/roots; chown 1234:1235 $d $d/mine; new --rm -v $d:/b matrix sh -c 'echo x >/b/a; echo x >>/b/mine; echo x >>/b/roots; stat -c %u /b/mine'; rm -r $d`,
  },
  {
    name: "a file of the host's root, mode 600, behind sudo",
    outside: `export SUDO_UID=1234 SUDO_GID=1235; echo secret >$SCRATCH/f; chmod 600 $SCRATCH/f; new --rm -v $SCRATCH/f:/f matrix cat /f; rm $SCRATCH/f`,
  },
  {
    name: "the socket of a daemon of the host, behind sudo",
    outside: `export SUDO_UID=1234 SUDO_GID=1235; python3 -c 'import socket; s=socket.socket(socket.AF_UNIX); s.bind("'$SCRATCH/s'"); s.listen(); s.settimeout(30); s.accept()' & await test -S $SCRATCH/s; chmod 660 $SCRATCH/s; new --rm -v $SCRATCH/s:/s matrix python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("/s"); print("connected")'; kill $! 2>/dev/null || true; wait; rm -f $SCRATCH/s`,
  },
  {
    name: "a directory with :U",
    outside: `d=$SCRATCH/b; mkdir $d; touch $d/a; new --rm -u www-data -v $d:/b:U matrix sh -c 'touch /b/c; stat -c %U /b/a /b/c'; rm -r $d`,
  },
  {
    name: "cp, diff, export, commit",
    outside: `new -d --name box matrix sh -c 'mkdir /made; touch /made/f; chown 33:34 /made/f; setcap cap_net_raw+ep /usr/bin/true; sleep 1000' >/dev/null; await td exec box getcap /usr/bin/true
td exec box sh -c 'getcap /usr/bin/true | grep -q raw'; td diff box | grep -v /dev; td export box | tar --numeric-owner -tvf - | grep 'made/f' | awk '{ print $2 }'; td commit -q box again >/dev/null; td cp -a box:/made/f $SCRATCH/f; stat -c %u:%g $SCRATCH/f; chown 7:8 $SCRATCH/f; td cp -a $SCRATCH/f box:/tmp/g; td exec box stat -c %u:%g /tmp/g; td rm -f box >/dev/null
new --rm again sh -c 'stat -c %u:%g /made/f; getcap /usr/bin/true; su nobody -s /bin/sh -c /usr/bin/true && echo runs'; td rmi -f again >/dev/null; rm $SCRATCH/f`,
  },
  {
    name: "exec, top, stats, pause, health checks",
    outside: `new -d --name box --health-cmd 'test $(id -u) = 0' --health-interval 1s matrix sleep 1000 >/dev/null; td exec -u www-data box id -un; td top box -o user,args | tail -n 1; td pause box >/dev/null; td unpause box >/dev/null; await sh -c '[ $('"$TINYDOCKER"' inspect -f "{{.State.Health.Status}}" box) = healthy ]'; echo healthy; td rm -f box >/dev/null`,
  },
  {
    name: "limits",
    outside: `new --rm --ulimit nofile=4096:8192 --ulimit core=-1 --oom-score-adj 100 matrix sh -c 'ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj'`,
  },
  {
    name: "secrets",
    outside: `echo hidden | td secret create s - >/dev/null; new --rm -u www-data --secret s,uid=33,mode=0400 matrix sh -c 'cat /run/secrets/s; stat -c %U:%a /run/secrets/s'; td secret rm s >/dev/null`,
  },
  {
    name: "networks and names",
    outside: `td network create n >/dev/null; new -d --network n --name web matrix sh -c 'nginx; sleep 1000' >/dev/null; new --rm --network n matrix bash -c 'n=0; until curl -sf -o /dev/null http://web/; do n=$((n+1)); [ $n -lt 100 ]; sleep 0.1; done; echo reached'; td rm -f web >/dev/null; td network rm n >/dev/null`,
  },
  {
    name: "a network of another container",
    outside: `new -d --name web matrix sh -c 'nginx; sleep 1000' >/dev/null; td run --rm --network container:web matrix bash -c 'n=0; until curl -sf -o /dev/null http://127.0.0.1/; do n=$((n+1)); [ $n -lt 100 ]; sleep 0.1; done; echo reached'; td rm -f web >/dev/null`,
  },
  {
    name: "--pid host, --network host",
    outside: `new --rm --pid host --network host matrix sh -c 'test -d /proc/1/ns || true; ps -o pid= -p 1; ip -br link show lo | wc -l'`,
  },
  {
    name: "a block device (--device)",
    outside: `truncate -s 8M $SCRATCH/img; l=$(losetup -f --show $SCRATCH/img 2>/dev/null) || { echo none; exit 0; }; new --rm --device $l:/dev/d matrix sh -c 'mkfs.ext2 -q /dev/d 2>/dev/null || /sbin/mke2fs -q /dev/d; dd if=/dev/d bs=1k count=2 2>/dev/null | wc -c' || true; losetup -d $l; rm $SCRATCH/img`,
  },
];
