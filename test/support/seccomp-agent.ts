/** An agent that decides about system calls (seccomp-agent.c), as runtimes talk to one. */

import { rmSync } from "node:fs";
import { machineOf, numbersOf } from "../../src/linux/seccomp/architectures.ts";
import { compiled } from "./compile.ts";

const numbers = numbersOf(machineOf(process.arch));

/** What an agent was sent once. */
export interface Told {
  // biome-ignore lint/suspicious/noExplicitAny: whatever a runtime says
  state: any;
  /** Descriptors beside it. */
  fds: number;
}

export class SeccompAgent implements AsyncDisposable {
  private readonly lines: AsyncIterator<string>;

  private constructor(
    private readonly path: string,
    private readonly process: Bun.Subprocess<"ignore", "pipe", "inherit">,
  ) {
    this.lines = linesOf(process.stdout);
  }

  /** Listens at a socket. @param rules by the names of calls: "errno:5", "value:7", "continue". */
  static async at(path: string, rules: Record<string, string>): Promise<SeccompAgent> {
    const words = Object.entries(rules).map(([name, rule]) => `${numbers.get(name)}=${rule}`);
    const agent = new SeccompAgent(
      path,
      Bun.spawn(["setpriv", "--pdeathsig", "KILL", compiled("seccomp-agent.c"), path, ...words], {
        stdio: ["ignore", "pipe", "inherit"],
      }),
    );
    const first = await agent.line();
    if (first !== "listening") throw new Error(`the agent says ${first}`);
    return agent;
  }

  /** That nothing came after what it was sent. crun closes its connection only with its end. */
  async closed(): Promise<void> {
    const line = await this.line();
    if (line !== "closed") throw new Error(`the agent says ${line}`);
  }

  /** What it was sent next. */
  async next(): Promise<Told> {
    for (;;) {
      const line = await this.line();
      if (line !== "closed") return JSON.parse(line) as Told;
    }
  }

  private async line(): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error("the agent has ended");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
    rmSync(this.path, { force: true });
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
