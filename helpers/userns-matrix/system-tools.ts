/** What a distribution has: packages, users, terminals, networks, privileges. */

import type { Program } from "./program.ts";

export const systemTools: Program[] = [
  {
    name: "apt-get install, and exim",
    inside: `apt-get -qq -y --no-install-recommends -o Dir::Cache::archives=/debs --no-download install exim4-daemon-light mtr-tiny >/dev/null 2>/tmp/err || { tail -n 5 /tmp/err; exit 1; }
stat -c '%n %U:%G %a' /usr/sbin/exim4; getcap /usr/bin/mtr-packet; useradd -m u; printf 'local\\n' >/etc/mailname; update-exim4.conf; exim4 -bV | head -n 1; stat -c %U:%G:%a /var/spool/exim4/input; dpkg --audit`,
  },
  {
    name: "apt-get as _apt",
    inside: `mkdir -p /repo; cp /debs/mtr-tiny*.deb /repo/; cd /repo; dpkg-deb -I mtr-tiny*.deb >/dev/null; printf 'Package: mtr-tiny\\nVersion: 99\\nArchitecture: amd64\\nFilename: ./%s\\nSize: %s\\nSHA256: %s\\n\\n' "$(ls *.deb)" "$(stat -c %s *.deb)" "$(sha256sum *.deb | cut -d' ' -f1)" >Packages; rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] copy:/repo ./' >/etc/apt/sources.list; apt-get -qq update; apt-cache policy mtr-tiny | grep -c ' 99'; stat -c %U /var/lib/apt/lists/partial`,
  },
  {
    name: "dpkg: setuid, setgid, setcap",
    inside: `mkdir -p /p/DEBIAN /p/usr/bin; cp /bin/cat /p/usr/bin/a; cp /bin/cat /p/usr/bin/b; cp /bin/cat /p/usr/bin/c; chmod 4755 /p/usr/bin/a; chgrp shadow /p/usr/bin/b; chmod 2755 /p/usr/bin/b; printf 'Package: p\\nVersion: 1\\nArchitecture: all\\nMaintainer: m <m@m>\\nDescription: d\\n' >/p/DEBIAN/control; printf '#!/bin/sh\\nsetcap cap_dac_override+ep /usr/bin/c\\n' >/p/DEBIAN/postinst; chmod 755 /p/DEBIAN/postinst
dpkg-deb -b /p /p.deb >/dev/null; dpkg -i /p.deb >/dev/null; for x in a b c; do runuser -u nobody -- $x /etc/shadow | wc -l; done; getcap /usr/bin/c`,
  },
  {
    name: "useradd, groupadd, passwd, chage",
    inside: `groupadd g; useradd -m -G g u; echo u:secret | chpasswd; chage -d 0 u; id -nG u; stat -c %U:%G:%a /home/u; usermod -u 2000 u; stat -c %u /home/u; userdel -r u 2>/dev/null; test ! -e /home/u`,
  },
  { name: "useradd --system -u 70000", inside: `useradd -u 70000 -m u; runuser -u u -- id -u; stat -c %u /home/u` },
  { name: "su", inside: `su nobody -s /bin/sh -c 'id -un'; su - www-data -s /bin/sh -c 'id -un; echo $HOME'` },
  {
    name: "sudo",
    inside: `useradd -m u; echo 'u ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/u; sudo -u u id -un; runuser -u u -- sudo -n id -un; runuser -u u -- sudo -n -u www-data id -un`,
  },
  {
    name: "tmux",
    options: "-t",
    inside: `tmux new-session -d -s a; tmux send-keys -t a 'stat -c %U:%G:%a $(tty) >/tmp/t' Enter; await grep -q : /tmp/t; cat /tmp/t; tmux kill-server`,
  },
  {
    name: "terminal of a user",
    options: "-t --user www-data",
    inside: `stat -c %U:%G:%a $(tty); echo written >$(tty)`,
  },
  {
    name: "/dev/stdout, /dev/stderr of a user",
    inside: `su nobody -s /bin/sh -c 'echo out >/dev/stdout' || echo refused; ln -s /dev/stdout /tmp/log; echo log >/tmp/log; stat -L -c %U /dev/stdin /dev/stdout`,
  },
  {
    name: "ping",
    inside: `ping -c 1 -W 5 127.0.0.1 | grep -c '1 received'; su nobody -s /bin/sh -c 'ping -c 1 -W 5 127.0.0.1' | grep -c '1 received'; cat /proc/sys/net/ipv4/ip_unprivileged_port_start`,
  },
  {
    name: "port 80 of a user",
    options: "--user www-data",
    inside: `python3 -m http.server 80 --directory /etc >/dev/null 2>&1 & n=0; until curl -sf -o /dev/null http://127.0.0.1/hostname; do n=$((n+1)); [ $n -lt 200 ]; sleep 0.1; done; echo served`,
  },
  {
    name: "tcpdump",
    inside: `tcpdump -i lo -c 1 -w /tmp/p icmp 2>/tmp/err & await grep -q listening /tmp/err; ping -c 1 127.0.0.1 >/dev/null; wait; stat -c %U /tmp/p`,
  },
  {
    name: "nft",
    options: "--cap-add NET_ADMIN",
    inside: `nft add table inet t; nft add chain inet t c '{ type filter hook input priority 0; }'; nft add rule inet t c tcp dport 81 drop; nft list ruleset | grep -c dport`,
  },
  {
    name: "ip: devices, addresses, routes",
    options: "--cap-add NET_ADMIN",
    inside: `ip link add a type veth peer name b; ip addr add 10.9.0.1/24 dev a; ip link set a up; ip netns list; ip -br addr show a | awk '{ print $3 }'`,
  },
  {
    name: "openvpn (tun)",
    options: "--cap-add NET_ADMIN --device /dev/net/tun",
    inside: `openvpn --mktun --dev tun0 >/dev/null; ip link show tun0 | grep -c tun0; stat -c %U:%G /dev/net/tun`,
  },
  {
    name: "strace",
    inside: `strace -f -o /tmp/s sh -c 'id -u'; grep -c execve /tmp/s; useradd -m u; runuser -u u -- strace -o /tmp/u true; stat -c %U /tmp/u`,
  },
  {
    name: "renice, chrt (SYS_NICE)",
    options: "--cap-add SYS_NICE",
    inside: `nice -n -5 nice; chrt -f 10 chrt -p $$ >/dev/null; ionice -c 1 true; echo done`,
  },
  {
    name: "more open files (SYS_RESOURCE)",
    options: "--cap-add SYS_RESOURCE --ulimit nofile=1000:1000",
    inside: `ulimit -n 2000; ulimit -n`,
  },
  {
    name: "locked memory (IPC_LOCK)",
    options: "--cap-add IPC_LOCK --ulimit memlock=65536:65536",
    inside: `python3 -c 'import mmap,ctypes; m=mmap.mmap(-1,1<<20); a=ctypes.addressof(ctypes.c_char.from_buffer(m)); l=ctypes.CDLL(None); l.mlock.argtypes=[ctypes.c_void_p,ctypes.c_size_t]; print(l.mlock(a,1<<20))'`,
  },
  { name: "dmesg (SYSLOG)", options: "--cap-add SYSLOG", inside: `dmesg >/tmp/d; test -s /tmp/d; echo read` },
  { name: "mknod", inside: `mknod /tmp/n c 1 3; echo x >/tmp/n; mkfifo /tmp/f; stat -c %F /tmp/n /tmp/f` },
  {
    name: "chroot",
    inside: `mkdir -p /c/bin; cp -a /lib /lib64 /usr /c/ 2>/dev/null || true; chroot --userspec=33:33 /c /usr/bin/id -u`,
  },
  {
    name: "files by handles (DAC_READ_SEARCH)",
    options: "--cap-add DAC_READ_SEARCH -v handles:/w",
    inside: `printf '#define _GNU_SOURCE\\n#include <fcntl.h>\\n#include <stdio.h>\\n#include <stdlib.h>\\nint main() { struct file_handle *h = malloc(200); h->handle_bytes = 128; int m; if (name_to_handle_at(-100, "/w", h, &m, 0)) { perror("name"); return 1; } int d = open("/w", O_RDONLY); if (open_by_handle_at(d, h, O_RDONLY) < 0) { perror("open"); return 1; } puts("opened"); }' >/tmp/h.c; gcc -o /tmp/h /tmp/h.c; /tmp/h`,
  },
];
