/** What is built and copied: compilers, interpreters, archives. */

import type { Program } from "./program.ts";

export const builds: Program[] = [
  {
    name: "git",
    inside: `useradd -m u; runuser -u u -- sh -ec 'cd; git init -q a; cd a; git config user.email a@a; git config user.name a; echo x >f; git add f; git commit -qm one; cd ..; git clone -q a b; git -C b log --oneline | wc -l'; cd /home/u/a; git status 2>&1 | grep -c dubious`,
  },
  {
    name: "gcc, make",
    inside: `mkdir /s; cd /s; printf '#include <stdio.h>\\nint main() { puts("built"); }\\n' >a.c; printf 'a: a.c\\n\\tcc -o a a.c\\n' >Makefile; make -s; ./a`,
  },
  {
    name: "make as a user, in a directory of the host",
    outside: `d=$SCRATCH/ci; mkdir -p $d; printf '#include <stdio.h>\\nint main() { puts("built"); }\\n' >$d/a.c; printf 'a: a.c\\n\\tcc -o a a.c\\n' >$d/Makefile; chown -R 1000:1000 $d; new --rm -v $d:/src -w /src -u 1000:1000 matrix sh -c 'make -s && ./a'; stat -c %u:%g $d/a; rm -r $d`,
  },
  {
    name: "python: venv, processes, shared memory",
    inside: `python3 -m venv --without-pip /v; /v/bin/python -c 'if True:
  import multiprocessing as m, os
  from multiprocessing import shared_memory as s
  print(sum(m.Pool(3).map(abs, range(10)))); x = s.SharedMemory(create=True, size=10); x.unlink(); print(os.getuid())'`,
  },
  {
    name: "node",
    inside: `node -e 'const h=require("http"); const s=h.createServer((q,r)=>r.end("hi")).listen(0,()=>h.get({port:s.address().port},r=>r.on("data",d=>{console.log(String(d)); process.setuid("www-data"); console.log(process.getuid()); process.exit()})))'`,
  },
  {
    name: "perl",
    inside: `perl -e '$) = "33 33"; $> = 33; print "$>\\n"; open F, ">/tmp/p"; print((stat "/tmp/p")[4], "\\n")'`,
  },
  {
    name: "java",
    inside: `java -Xmx64m -XshowSettings:properties -version 2>&1 | grep -E 'user.name|user.home'; runuser -u www-data -- java -Xmx64m -version 2>&1 | grep -c Runtime`,
  },
  {
    name: "fakeroot",
    inside: `runuser -u www-data -- fakeroot sh -c 'touch /tmp/f; chown 5:6 /tmp/f; stat -c %u:%g /tmp/f'`,
  },
  {
    name: "tar with owners, links and capabilities",
    inside: `mkdir /s; cp /bin/true /s/t; touch /s/a; chown 33:34 /s/a; setcap cap_net_raw+ep /s/t; setfacl -m u:www-data:r /s/a; setfattr -n user.x -v y /s/a; tar --xattrs --xattrs-include='*' --acls -C /s -cf /t.tar .; mkdir /d; tar --xattrs --xattrs-include='*' --acls -C /d -xf /t.tar; stat -c %u:%g /d/a; getcap /d/t; getfacl -pc /d/a | grep www-data; getfattr --only-values -n user.x /d/a; echo`,
  },
  {
    name: "tar with owners above 65535",
    inside: `mkdir /s; touch /s/a; tar --owner=u:200000 --group=g:200000 -C /s -cf /t.tar .; tar --numeric-owner -C /tmp -xf /t.tar; stat -c %u /tmp/a`,
  },
  {
    name: "rsync -aHAX",
    inside: `mkdir /s; touch /s/a; chown 33:34 /s/a; setfacl -m g:adm:rw /s/a; rsync -aHAX /s/ /d/; stat -c %u:%g /d/a; getfacl -pc /d/a | grep adm`,
  },
  {
    name: "chown and cp of what the image has",
    inside: `chown -R www-data /etc/nginx; stat -c %U /etc/nginx/nginx.conf; cp -a /usr/bin/sudo /tmp/; stat -c %U:%a /tmp/sudo; mv /etc/apache2 /tmp/; ln /etc/hostname.x /tmp/h 2>/dev/null || echo none; rm -r /usr/share/doc`,
  },
];
