/** A small policy of SELinux's, for a virtual machine: containers reach files of their own label and categories, and no others. */

const initial =
  "kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet icmp_socket tcp_socket sysctl_modprobe sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix sysctl_vm sysctl_dev kmod policy scmp_packet devnull".split(
    " ",
  );

const file = "{ read write open getattr setattr create unlink append execute entrypoint relabelfrom relabelto map }";
const dir =
  "{ read write open getattr setattr search add_name remove_name relabelfrom relabelto create rmdir mounton }";
const own = "container_t other_t";
const label = (type: string, role = "object_r") => `system_u:${role}:${type}:s0`;
const each = (names: readonly string[], line: (name: string) => string) => names.map(line);

/** For checkpolicy(8), with levels; what it does not know is allowed (`-M -U allow`). */
export const policy = [
  ...each(["process", "file", "dir", "lnk_file"], (name) => `class ${name}`),
  ...each(initial, (name) => `sid ${name}`),
  "class process { transition dyntransition }",
  ...each(["file", "lnk_file"], (name) => `class ${name} ${file}`),
  `class dir ${dir}`,
  "sensitivity s0; dominance { s0 }",
  ...Array.from({ length: 1024 }, (_, category) => `category c${category};`),
  "level s0:c0.c1023;",
  "mlsconstrain file { read write open } (( h1 dom h2 ) or ( t1 == kernel_t ));",
  ...each(["kernel_t", "container_t", "other_t", "container_file_t", "host_t"], (name) => `type ${name};`),
  `role system_r; role system_r types { kernel_t ${own} };`,
  `allow kernel_t { kernel_t ${own} } : process { transition dyntransition };`,
  `allow kernel_t { kernel_t ${own} container_file_t host_t } : { file lnk_file } ${file};`,
  `allow kernel_t { kernel_t ${own} container_file_t host_t } : dir ${dir};`,
  `allow { ${own} } { ${own} container_file_t } : { file lnk_file } ${file};`,
  `allow { ${own} } { ${own} container_file_t } : dir ${dir};`,
  `allow { ${own} } host_t : dir { search getattr read open };`,
  // /proc/self
  `allow { ${own} } host_t : lnk_file { read getattr };`,
  "user system_u roles { system_r } level s0 range s0 - s0:c0.c1023;",
  ...each(initial, (name) =>
    ["kernel", "init"].includes(name)
      ? `sid ${name} ${label("kernel_t", "system_r")}`
      : `sid ${name} ${label("host_t")}`,
  ),
  ...each(["ext4", "overlay"], (name) => `fs_use_xattr ${name} ${label("host_t")};`),
  ...each(["tmpfs", "devpts", "mqueue", "devtmpfs"], (name) => `fs_use_trans ${name} ${label("host_t")};`),
  ...each(["pipefs", "sockfs"], (name) => `fs_use_task ${name} ${label("host_t")};`),
  ...each(["proc", "sysfs", "cgroup2", "9p", "rootfs"], (name) => `genfscon ${name} / ${label("host_t")}`),
  "",
].join("\n");
