/** The virtual machine's kernel: the newest installed one that can mount the host's files, unpacked once and cached. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { text } from "../process.ts";
import { initramfs } from "./guest.ts";

const busybox = "/bin/busybox";
/** In the order they are asked for; modprobe adds what they need. */
const wanted = ["virtio_pci", "virtio_blk", "virtio_console", "ext4", "overlay", "9p", "9pnet_virtio"];
const tools: Record<string, string> = { "28b52ffd": "zstd", fd377a58: "xz", "02214c18": "lz4", "1f8b0800": "gzip" };

export interface Kernel {
  version: string;
  /** Files for QEMU's -kernel and -initrd. */
  kernel: string;
  initrd: string;
}

/** The installed kernels that can be booted, the newest first. */
export function bootableKernels(): string[] {
  return readdirSync("/boot")
    .filter((file) => file.startsWith("vmlinuz-"))
    .map((file) => file.slice("vmlinuz-".length))
    .filter((name) => existsSync(join("/lib/modules", name, "kernel/fs/9p")))
    .sort((a, b) => b.localeCompare(a, undefined, { numeric: true }));
}

/** The kernel to boot. @throws Error that names the package to install. */
export function findKernel(version?: string): string {
  const found = bootableKernels().find((name) => !version || name === version);
  if (found === undefined) throw new Error("no kernel with 9p in /boot: apt-get install linux-image-6.12-amd64");
  return found;
}

/** Unpacks a kernel and makes its initramfs, both below the user's cache directory. */
export function prepareKernel(version: string): Kernel {
  const image = `/boot/vmlinuz-${version}`;
  const { mtimeMs, size } = statSync(image);
  const guest = readFileSync(join(import.meta.dir, "guest.ts"), "utf8");
  const key = createHash("sha1").update([image, mtimeMs, size, wanted, guest].join()).digest("hex").slice(0, 12);
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tinydocker-vm");
  const kernel = join(cache, `${key}.kernel`);
  const initrd = join(cache, `${key}.cpio`);
  if (!existsSync(initrd) || !existsSync(kernel)) {
    mkdirSync(cache, { recursive: true });
    const modules = moduleFiles(version).map((file): [string, Buffer] => [
      basename(file).replace(/\.xz$/, ""),
      withoutSignature(file.endsWith(".xz") ? bytes("xz", ["-dc", file]) : readFileSync(file)),
    ]);
    publish(initrd, initramfs({ busybox: readFileSync(busybox), version, modules }));
    publish(kernel, unpacked(readFileSync(image)));
  }
  return { version, kernel, initrd };
}

/** The modules' files with all they depend on, in loading order. */
function moduleFiles(version: string): string[] {
  if (!existsSync(`/lib/modules/${version}/modules.dep`)) text("/sbin/depmod", [version]);
  const lines = wanted.flatMap((name) => text("/sbin/modprobe", ["-S", version, "--show-depends", name]).split("\n"));
  const files = lines.filter((line) => line.startsWith("insmod ")).map((line) => line.split(" ")[1] as string);
  return [...new Set(files)];
}

/** A module without its appended signature, which takes long to verify under emulation and is not needed here. */
function withoutSignature(module: Buffer): Buffer {
  const at = module.length - 28;
  if (module.toString("latin1", at) !== "~Module signature appended~\n") return module;
  return module.subarray(0, at - 12 - module.readUInt32BE(at - 4));
}

/**
 * The ELF file inside a bzImage, which QEMU starts directly (PVH): saves half a second of unpacking under emulation.
 * @see https://docs.kernel.org/arch/x86/boot.html#the-real-mode-kernel-header
 */
function unpacked(image: Buffer): Buffer {
  const setupSectors = image[0x1f1] || 4;
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  const tool = tools[payload.toString("hex", 0, 4)];
  if (tool === undefined) return image;
  try {
    const elf = tool === "zstd" ? Buffer.from(Bun.zstdDecompressSync(payload)) : bytes(tool, ["-dc"], payload);
    return elf.toString("latin1", 1, 4) === "ELF" ? elf : image;
  } catch {
    return image; // QEMU can unpack it for itself
  }
}

/** The stdout of a program; its status does not count, as unpackers complain of what follows the data. */
function bytes(command: string, args: string[], input?: Buffer): Buffer {
  const { stdout } = Bun.spawnSync([command, ...args], { stdin: input ?? "ignore", stderr: "ignore" });
  if (stdout.length === 0) throw new Error(`${command} ${args.join(" ")} printed nothing`);
  return stdout;
}

function publish(file: string, data: Buffer): void {
  writeFileSync(`${file}.${process.pid}`, data);
  renameSync(`${file}.${process.pid}`, file);
}
