/** What only the `create` of an OCI runtime does, as records: it looks for the program, and waits for `start`. */

import { EACCES, ENOENT } from "../../linux/errno.ts";
import { Block, Field, Given, Label, names, Slot } from "../../linux/program/record.ts";
import { room } from "../../linux/program/writer.ts";
import type { InitStep } from "../init-step.ts";
import { type Context, given } from "./context.ts";
import { candidatesOf, notHere } from "./execute.ts";
import { fileType, stxMode } from "./path.ts";

type Of<Kind> = Extract<InitStep, { do: Kind }>;

/**
 * Fails as `execute` would, while somebody still listens: no file of that name that this user may execute. What only the
 * kernel finds out (an interpreter that is not there) is left to it.
 */
export function findProgram({ writer }: Context, { args, env }: Of<"find-program">): void {
  const [program = ""] = args;
  const candidates = candidatesOf(program, env);
  const searching = !program.includes("/");
  const found = new Label();
  for (const path of candidates) {
    const next = new Label();
    const stat = room("statx", 256);
    const answer = searching ? { ok: notHere, to: next } : {};
    writer.about(path);
    writer.call("faccessat2", [names("AT_FDCWD"), path, names("X_OK"), names("AT_EACCESS")], answer);
    writer.call("statx", [names("AT_FDCWD"), path, 0, names("STATX_TYPE"), stat], answer);
    writer.test(new Field(stat, stxMode, "i32"), fileType, names("S_IFREG"), next);
    writer.jump(found);
    writer.label(next);
  }
  writer.about(program);
  writer.add(searching ? -ENOENT : -EACCES, 0);
  writer.label(found);
}

/** The sync socket and the FIFO, the lower number first. */
const waiting = [new Given("the lower of sync and fifo"), new Given("the higher of sync and fifo")] as const;

/** What a process that is to wait is told. */
export const waitingAt = (fifo: number, sync: number): Record<string, number> => ({
  [given.fifo.name]: fifo,
  [waiting[0].name]: Math.min(fifo, sync),
  [waiting[1].name]: Math.max(fifo, sync),
});

/** What a process says on the sync socket when only `start` is missing. */
export const createdByte = "w";

/**
 * Created: the host's side writes down that there is a container, and goes. Nothing that init was given is left by then but a
 * FIFO, and on that somebody says start.
 */
export function awaitStart(context: Context, { preserve, filtered }: Of<"await-start">): void {
  const { writer, gone } = context;
  const byte = new Block("go", { room: 8 });
  const got = new Slot("got");
  writer.about("the host's side");
  writer.call("write", [given.sync, createdByte, 1]);
  writer.call("read", [given.sync, byte, 1], { into: got });
  writer.test(got, -1, 1, gone);
  if (!filtered) closeAllBut(context, preserve, given.fifo);
  writer.about("the word to start");
  writer.call("read", [given.fifo, byte, 1]);
}

/** What init was given, before a filter is asked whether it may be closed: all but how it talks, and where it waits. */
export const closeOthers = (context: Context, { preserve }: Of<"close-others">): void =>
  closeAllBut(context, preserve, ...waiting);

/** From the first that is not preserved on. */
function closeAllBut({ writer }: Context, preserve: number, lower: Given, higher = lower): void {
  const [below, next, before, above] = ["below", "next", "before", "above"].map((name) => new Slot(name));
  writer.add(lower, -1, below!);
  writer.call("close_range", [3 + preserve, below!, 0], { ok: ["EINVAL"] });
  if (higher !== lower) {
    writer.add(lower, 1, next!);
    writer.add(higher, -1, before!);
    writer.call("close_range", [next!, before!, 0], { ok: ["EINVAL"] });
  }
  writer.add(higher, 1, above!);
  writer.call("close_range", [above!, -1, 0]);
}
