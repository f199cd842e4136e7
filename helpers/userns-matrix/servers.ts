/** Servers of all kinds: web, databases, mail, names, files. */

import type { Program } from "./program.ts";

export const servers: Program[] = [
  { name: "nginx", inside: `nginx; await curl -sf -o /dev/null http://127.0.0.1/; users nginx` },
  {
    name: "apache2",
    inside: `apache2ctl start 2>/dev/null; await curl -sf -o /dev/null http://127.0.0.1/; users apache2`,
  },
  {
    name: "lighttpd",
    inside: `lighttpd -f /etc/lighttpd/lighttpd.conf; echo hello >/var/www/html/t; await curl -sf http://127.0.0.1/t; users lighttpd`,
  },
  {
    name: "caddy",
    inside: `mkdir /w; echo hi >/w/x; caddy file-server --root /w --listen :8080 2>/dev/null & await curl -sf http://127.0.0.1:8080/x; cat /tmp/awaited`,
  },
  {
    name: "haproxy",
    inside: `printf 'global\\n user haproxy\\n group haproxy\\n chroot /var/lib/haproxy\\ndefaults\\n mode http\\n timeout client 5s\\n timeout server 5s\\n timeout connect 5s\\nfrontend f\\n bind :80\\n http-request return status 200 content-type text/plain string hello\\n' >/tmp/h.cfg
haproxy -D -f /tmp/h.cfg; await curl -sf http://127.0.0.1/; cat /tmp/awaited; echo; users haproxy`,
  },
  {
    name: "squid",
    inside: `squid -N -f /etc/squid/squid.conf >/dev/null 2>&1 & mkdir /w; echo hi >/w/x; caddy file-server --root /w --listen :8080 2>/dev/null & await curl -sf -x http://127.0.0.1:3128 http://127.0.0.1:8080/x; cat /tmp/awaited; users squid`,
  },
  {
    name: "varnish",
    inside: `mkdir /w; echo hi >/w/x; caddy file-server --root /w --listen :8080 2>/dev/null & varnishd -a :6081 -b 127.0.0.1:8080 >/dev/null 2>&1; await curl -sf http://127.0.0.1:6081/x; cat /tmp/awaited; users cache-main`,
  },
  {
    name: "php-fpm",
    inside: `php-fpm8.2 -D; await test -S /run/php/php8.2-fpm.sock; stat -c %U:%G:%a /run/php/php8.2-fpm.sock; ps -o user= -C php-fpm8.2 | sort -u`,
  },
  {
    name: "php -S",
    inside: `mkdir /w; echo '<?php echo posix_getuid() === 0 ? "root" : "other";' >/w/i.php; php -S 127.0.0.1:81 -t /w >/dev/null 2>&1 & await curl -sf http://127.0.0.1:81/i.php; cat /tmp/awaited`,
  },
  {
    name: "postgresql",
    inside: `pg_ctlcluster 15 main start; cd /; await runuser -u postgres -- psql -c 'select 1'; runuser -u postgres -- psql -Atc 'create table t (a int); insert into t values (42); select a from t; checkpoint'; pg_ctlcluster 15 main stop`,
  },
  {
    name: "mariadb",
    inside: `mkdir -p /run/mysqld; chown mysql /run/mysqld; mariadbd-safe --user=mysql >/dev/null 2>&1 & await mariadb -e 'select 1'; mariadb -Nse 'create database d; use d; create table t (a int); insert into t values (42); select a from t'`,
  },
  {
    name: "redis",
    inside: `cd /tmp; runuser -u redis -- redis-server --save '' --dir /var/lib/redis --daemonize yes >/dev/null; await redis-cli ping; redis-cli set a 42; redis-cli save; stat -c %U /var/lib/redis/dump.rdb`,
  },
  {
    name: "memcached",
    inside: `memcached -d -u memcache; await bash -c 'exec 3<>/dev/tcp/127.0.0.1/11211; echo version >&3; read -u 3 a; case $a in VERSION*) ;; *) exit 1;; esac'; users memcached`,
  },
  {
    name: "mosquitto",
    inside: `mkdir -p /run/mosquitto; chown mosquitto /run/mosquitto; mosquitto -d -c /etc/mosquitto/mosquitto.conf; await mosquitto_pub -t a -r -m hello; mosquitto_sub -t a -C 1; users mosquitto`,
  },
  {
    name: "etcd",
    inside: `etcd --data-dir /tmp/e >/dev/null 2>&1 & export ETCDCTL_API=3; await etcdctl put a 42; etcdctl get a --print-value-only`,
  },
  {
    name: "sqlite",
    inside: `runuser -u nobody -- sqlite3 /tmp/a.db 'pragma journal_mode=wal; create table t (a); insert into t values (42); select a from t'`,
  },
  {
    name: "slapd",
    inside: `mkdir -p /run/slapd; chown openldap /run/slapd; slapd -h 'ldap:/// ldapi:///' -u openldap -g openldap; await ldapwhoami -x; ldapwhoami -Y EXTERNAL -H ldapi:/// -Q; users slapd`,
  },
  {
    name: "bind9",
    inside: `named -u bind; await dig +short +tries=1 @127.0.0.1 localhost; dig +short @127.0.0.1 localhost A; users named`,
  },
  {
    name: "unbound",
    inside: `printf 'server:\n interface: 127.0.0.1\n chroot: ""\n username: unbound\n use-syslog: no\n local-data: "a.b. A 1.2.3.4"\n' >/tmp/u.conf; unbound -c /tmp/u.conf; await dig +short +tries=1 @127.0.0.1 a.b A; cat /tmp/awaited; users unbound`,
  },
  {
    name: "dnsmasq",
    options: "--cap-add NET_ADMIN",
    inside: `dnsmasq -u dnsmasq --port 5353 --address=/a.b/1.2.3.4 --no-resolv; await dig +short +tries=1 -p 5353 @127.0.0.1 a.b; cat /tmp/awaited; users dnsmasq`,
  },
  {
    name: "vsftpd",
    inside: `mkdir -p /srv/ftp /var/run/vsftpd/empty; echo hi >/srv/ftp/x; printf 'listen=YES\\nanonymous_enable=YES\\nbackground=YES\\nsecure_chroot_dir=/var/run/vsftpd/empty\\n' >/tmp/v.conf; vsftpd /tmp/v.conf; await curl -sf ftp://127.0.0.1/x; cat /tmp/awaited`,
  },
  {
    name: "samba",
    inside: `useradd -m u; printf '[global]\\nlog file = /tmp/l\\n[s]\\npath = /home/u\\nread only = no\\n' >/etc/samba/smb.conf; printf 'pw\\npw\\n' | smbpasswd -s -a u >/dev/null; smbd -D; echo hi >/tmp/x; await smbclient //127.0.0.1/s -U u%pw -c 'put /tmp/x x'; stat -c %U /home/u/x`,
  },
  {
    name: "nfs-ganesha",
    options: "--cap-add DAC_READ_SEARCH -v nfs:/w",
    inside: `mkdir -p /run/dbus /var/run/ganesha /w; dbus-daemon --system --fork; rpcbind -w 2>/dev/null || true; printf 'NFS_CORE_PARAM { Protocols = 4; }\\nEXPORT { Export_Id = 1; Path = /w; Pseudo = /w; Access_Type = RW; Squash = No_root_squash; FSAL { Name = VFS; } }\\n' >/tmp/g.conf
ganesha.nfsd -f /tmp/g.conf -L /tmp/g.log; await sh -c 'grep -q "NFS SERVER INITIALIZED" /tmp/g.log && ! grep -q "0 export entries" /tmp/g.log && bash -c "exec 3<>/dev/tcp/127.0.0.1/2049"'; echo served`,
  },
  {
    name: "rsync daemon",
    inside: `mkdir /w; touch /w/a; chown 33:34 /w/a; printf '[w]\\npath = /w\\nuid = root\\ngid = root\\n' >/tmp/r.conf; rsync --daemon --config /tmp/r.conf; await rsync -a rsync://127.0.0.1/w/ /copy/; stat -c %u:%g /copy/a`,
  },
  {
    name: "sshd",
    inside: `mkdir -p /run/sshd /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id; cp /root/.ssh/id.pub /root/.ssh/authorized_keys; useradd -m -s /bin/sh u; mkdir /home/u/.ssh; cp /root/.ssh/id.pub /home/u/.ssh/authorized_keys; chown -R u /home/u/.ssh
/usr/sbin/sshd; o='-i /root/.ssh/id -o StrictHostKeyChecking=no -o LogLevel=ERROR'; await ssh $o root@127.0.0.1 true; ssh $o root@127.0.0.1 id -un; ssh $o -tt u@127.0.0.1 'id -un; tty; stat -c %U:%G:%a $(tty)' | tr -d '\\r'; echo 'ls -d /home' | sftp -q -b - $o u@127.0.0.1 | tail -n 1`,
  },
  {
    name: "cron",
    inside: `echo '@reboot id -un >/tmp/ran' | crontab -u www-data -; cron; await test -s /tmp/ran; stat -c %U /tmp/ran; cat /tmp/ran`,
  },
  {
    name: "postfix",
    inside: `useradd -m u; postconf -e inet_interfaces=loopback-only mydestination=localhost myhostname=localhost smtputf8_enable=no; newaliases; postfix start >/dev/null 2>&1; printf 'Subject: x\\n\\nhello\\n' | sendmail u@localhost; await grep -q hello /var/mail/u; stat -c %U:%G:%a /var/mail/u`,
  },
  {
    name: "rsyslog",
    inside: `rsyslogd; await test -S /dev/log; logger -t me hello; await grep -q 'me: hello' /var/log/syslog; stat -c %U:%G:%a /var/log/syslog`,
  },
  {
    name: "logrotate",
    inside: `mkdir /l; chown www-data:adm /l; runuser -u www-data -- sh -c 'echo x >/l/a'; printf '/l/a {\\n su www-data adm\\n rotate 2\\n create 640 www-data adm\\n compress\\n}\\n' >/etc/r; chmod 644 /etc/r; logrotate -f /etc/r; stat -c %n:%U:%G /l/*`,
  },
  {
    name: "supervisor",
    inside: `printf '[supervisord]\\nuser=root\\nlogfile=/dev/stdout\\nlogfile_maxbytes=0\\n[program:a]\\ncommand=sh -c "id -un; sleep 100"\\nuser=www-data\\nstdout_logfile=/tmp/a\\n' >/tmp/s.conf; supervisord -c /tmp/s.conf >/dev/null 2>&1 & await grep -q www-data /tmp/a; cat /tmp/a`,
  },
];
