/** The image that the matrix runs: one Debian tree with all of its programs, made once and kept in the user's cache. */

import { existsSync, mkdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { run } from "../process.ts";

const suite = "bookworm";

const packages = [
  "nginx-light apache2 lighttpd caddy haproxy squid varnish php-cli php-fpm",
  "postgresql mariadb-server redis-server sqlite3 memcached mosquitto mosquitto-clients etcd-server etcd-client slapd ldap-utils",
  "systemd systemd-sysv dbus openssh-server openssh-client cron rsyslog logrotate supervisor postfix",
  "bind9 bind9-dnsutils dnsmasq-base unbound samba smbclient nfs-ganesha nfs-ganesha-vfs vsftpd",
  "git gcc make libc6-dev python3 python3-venv nodejs perl default-jre-headless fakeroot",
  "tmux sudo rsync fuse3 squashfuse squashfs-tools bindfs iputils-ping tcpdump nftables libcap2-bin acl attr curl",
  "procps psmisc iproute2 strace bubblewrap crun util-linux uidmap openvpn",
].join(" ");

/** What `apt-get` installs inside a container: it is fetched here, for a container has no network. */
const later = "exim4-daemon-light mtr-tiny";

const script = `
set -eu
debootstrap --variant=minbase ${suite} "$1/tree" >&2
cd "$1/tree"
printf '#!/bin/sh\\nexit 101\\n' >usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
cp /etc/resolv.conf etc/resolv.conf
mount -t proc proc proc
mount --rbind /dev dev
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
chroot . apt-get -qq update >&2
chroot . apt-get -qq -y --no-install-recommends install ${packages} >&2
mkdir -p debs/partial
chroot . apt-get -qq -y --no-install-recommends -d -o Dir::Cache::archives=/debs install ${later} >&2
chroot . apt-get clean
umount -R dev proc
rm usr/sbin/policy-rc.d
tar --xattrs --xattrs-include='*' --numeric-owner -cf "$1/tree.tar" .
`;

/** @returns the path of a tar. Needs root and a Debian mirror; takes some minutes the first time. */
export function matrixImage(): string {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tinydocker-userns");
  const tar = join(cache, `${suite}.tar`);
  if (existsSync(tar)) return tar;
  const work = join(cache, "work");
  run("rm", ["-rf", work]);
  mkdirSync(work, { recursive: true });
  run("unshare", ["--mount", "--propagation", "private", "sh", "-c", script, "sh", work], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  renameSync(join(work, "tree.tar"), tar);
  run("rm", ["-rf", work]);
  return tar;
}
