/** Docker's engine to compare with, where it is installed: a daemon of its own, in the network namespace that we are in. */

import { join } from "node:path";
import { text } from "../process.ts";
import type { Command } from "./measure.ts";
import { withoutUnified } from "./namespace.ts";

export interface Docker {
  version: string;
  command(...words: string[]): Command;
  close(): Promise<void>;
}

const maxWaitMs = 30_000;

/** @param directory for what it keeps. @param tar the root file system of the image `busybox`. */
export async function dockerWith(directory: string, tar: string): Promise<Docker | undefined> {
  const [client, engine] = [Bun.which("docker"), Bun.which("dockerd", { PATH: `${process.env.PATH}:/usr/sbin` })];
  if (client === null || engine === null) return undefined;
  const own = join(directory, "docker");
  const socket = join(own, "socket");
  const namespace = await withoutUnified();
  const enter = namespace ? ["nsenter", "--mount", "--target", String(namespace.pid), "--wd=/"] : [];
  const options = ["--data-root", join(own, "data"), "--exec-root", join(own, "exec"), "--pidfile", join(own, "pid")];
  const daemon = Bun.spawn([...enter, engine, ...options, "--host", `unix://${socket}`, "--log-level", "error"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const close = async () => {
    daemon.kill("SIGTERM");
    await daemon.exited;
    namespace?.kill("SIGKILL");
  };
  const words = [client, "--host", `unix://${socket}`];
  const [program, ...args] = words as [string, ...string[]];
  const began = performance.now();
  for (;;) {
    try {
      const version = text(program, [...args, "version", "--format", "{{.Server.Version}}"]);
      text(program, [...args, "import", tar, "busybox"]);
      return { version: `docker ${version}`, command: (...more) => ({ argv: [...words, ...more] }), close };
    } catch (error) {
      if (performance.now() - began > maxWaitMs || daemon.exitCode !== null) {
        await close();
        console.error(`docker's engine does not run here: ${(error as Error).message}`);
        return undefined;
      }
      await Bun.sleep(300);
    }
  }
}
