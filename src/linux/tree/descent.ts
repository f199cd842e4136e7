/**
 * Going down into a directory tree and up again, however deep it is: only the directories next to where we are stay open, and
 * one above them is opened again from below, which has to lead to the same directory.
 */

import { SyscallError } from "../../errors.ts";
import { openAt } from "../at.ts";
import { type ByteName, byteName, textOf } from "../byte-name.ts";
import { close, type Fd, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from "../file.ts";
import { fstat } from "../stat.ts";

/** More levels than trees of sound mind have, and less than the descriptors that everybody may have open. */
const maxOpen = 64;
/** Of a path in a message. */
const maxShown = 300;

interface Level {
  name: ByteName;
  /** Undefined while it is closed, far above where we are. */
  fd: Fd | undefined;
  /** What it is known by when it is opened again. */
  identity: string;
}

export class Descent {
  private readonly levels: Level[] = [];

  /** @param root is not closed. @param subject what it is called in errors; "" where what is in it goes by its own name. */
  constructor(
    private readonly root: Fd,
    private readonly subject: ByteName,
  ) {}

  /** The open directory where we are. */
  get fd(): Fd {
    return this.levels.length === 0 ? this.root : this.levels.at(-1)!.fd!;
  }

  /** Goes into an open directory of where we are, and takes care of its descriptor. */
  enter(name: ByteName, fd: Fd): void {
    this.levels.push({ name, fd, identity: "" });
    const far = this.levels[this.levels.length - 1 - maxOpen];
    if (far?.fd === undefined) return;
    far.identity = identityOf(far.fd);
    close(far.fd);
    far.fd = undefined;
  }

  /** Goes back up. @throws SyscallError ESTALE if somebody has moved the directory meanwhile. */
  leave(): void {
    const left = this.levels.pop()!;
    const above = this.levels.at(-1);
    try {
      if (above && above.fd === undefined) above.fd = this.reopen(left.fd!, above.identity);
    } finally {
      close(left.fd!);
    }
  }

  private reopen(below: Fd, identity: string): Fd {
    const fd = openAt(below, byteName`..`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (identityOf(fd) === identity) return fd;
    close(fd);
    throw new SyscallError("walk", textOf(this.shown()), "ESTALE", "a directory was moved meanwhile");
  }

  /** The path of an entry of where we are, as far as people read it. */
  shown(name?: ByteName): ByteName {
    const names = [...this.levels.map((level) => level.name), ...(name === undefined ? [] : [name])];
    let path = this.subject;
    for (let at = 0; at < names.length && path.length < maxShown; at++)
      path = path === "" ? names[at]! : byteName`${path}/${names[at]!}`;
    return path.length < maxShown ? path : byteName`${path.slice(0, maxShown)}...`;
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.levels.splice(0)) if (fd !== undefined) close(fd);
  }
}

function identityOf(fd: Fd): string {
  const { device, ino } = fstat(fd);
  return `${device} ${ino}`;
}
