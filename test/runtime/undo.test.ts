/** Taking back what was done: last first, all of it, and never in place of the reason. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { Failure, notesOf } from "../../src/errors.ts";
import { undoing, undoList } from "../../src/runtime/undo.ts";

/** A list whose entries write down that they ran, and fail where the name says so. */
function listOf(names: string[]) {
  const ran: string[] = [];
  const undo = undoList();
  for (const name of names)
    undo.add(() => {
      ran.push(name);
      if (name.startsWith("bad")) throw new Failure(`${name} is stuck`);
    });
  return { undo, ran };
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return "nothing";
}

test("what was done last is taken back first, and only once", () => {
  const { undo, ran } = listOf(["one", "two", "three"]);
  undo.run();
  undo.run();
  expect(ran).toEqual(["three", "two", "one"]);
});

test("one that fails does not stop the others", () => {
  const { undo, ran } = listOf(["one", "bad two", "three"]);
  thrownBy(() => undo.run());
  expect(ran).toEqual(["three", "bad two", "one"]);
});

test("what fails is noted beside the reason, and not thrown", () => {
  const reason = new Failure("no such program");
  const { undo } = listOf(["bad one", "two", "bad three"]);
  undo.run(reason);
  expect(reason.message).toBe("no such program");
  expect(notesOf(reason)).toEqual(["cannot clean up: bad three is stuck", "cannot clean up: bad one is stuck"]);
});

test("without a reason the first that fails is one, with the others beside it", () => {
  const { undo } = listOf(["bad one", "two", "bad three"]);
  const error = thrownBy(() => undo.run());
  expect((error as Failure).message).toBe("bad three is stuck");
  expect(notesOf(error)).toEqual(["cannot clean up: bad one is stuck"]);
});

test("a bug in an undo is seen as one, and its stack is kept", () => {
  const bug = new TypeError("undefined is no function");
  const undo = undoList();
  undo.add(() => {
    throw bug;
  });
  expect(thrownBy(() => undo.run())).toBe(bug);
});

test("what is added while it is taken back is taken back too", () => {
  const ran: string[] = [];
  const undo = undoList();
  undo.add(() => void ran.push("one"));
  undo.add(() => undo.add(() => void ran.push("late")));
  undo.run();
  expect(ran).toEqual(["late", "one"]);
});

test("undoing() takes back in any case, gives what came of it, and keeps the reason", () => {
  const fine = listOf(["one"]);
  expect([undoing(fine.undo, () => 7), fine.ran]).toEqual([7, ["one"]]);
  const { undo, ran } = listOf(["bad one", "two"]);
  const reason = new Failure("no such program");
  const error = thrownBy(() =>
    undoing(undo, () => {
      throw reason;
    }),
  );
  expect(error).toBe(reason);
  expect([ran, notesOf(reason)]).toEqual([["two", "bad one"], ["cannot clean up: bad one is stuck"]]);
});

test("people are told the reason, then what else failed, then what to do", () => {
  const source = (path: string) => JSON.stringify(join(import.meta.dir, "../../src", path));
  const script = `
    const { complain } = require(${source("cli/complain.ts")});
    const { addNote, StartError } = require(${source("errors.ts")});
    const error = new StartError("no such program", "look for it", 127);
    addNote(error, "cannot clean up: it is stuck");
    process.exit(complain(error));`;
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  expect(stderr.toString()).toBe(
    "tinydocker: no such program\ntinydocker: cannot clean up: it is stuck\ntinydocker: hint: look for it\n",
  );
  expect(exitCode).toBe(127);
});
