/** Tasks that wait beside each other. */

import { expect, test } from "bun:test";
import { close, writeAll } from "../../src/linux/file.ts";
import { pipe } from "../../src/linux/poll.ts";
import { finish, finishAll, type Task } from "../../src/runtime/task.ts";

test("a task goes on when its descriptor has something, or when its time is over, and learns which", () => {
  const ends = pipe();
  const answers = finish(
    (function* (): Task<boolean[]> {
      const late = yield { fd: ends.read, forMs: 1 };
      writeAll(ends.write, Uint8Array.of(1));
      return [late, yield { fd: ends.read, forMs: -1 }, yield { forMs: 0 }];
    })(),
  );
  expect(answers).toEqual([false, true, false]);
  close(ends.read);
  close(ends.write);
});
test("many go on beside each other, no more at a time than that, and all get to their end", () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const tasks = Array.from({ length: 7 }, (_, index) => index).map(function* (index): Task<void> {
    most = Math.max(most, ++running);
    if (index !== 3) yield { forMs: 3 - (index % 3) };
    running--;
  });
  finishAll(tasks, 3, (index) => done.push(index));
  expect(done.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(most).toBe(3);
});
test("one may wait for what another does", () => {
  const ends = pipe();
  const order: string[] = [];
  const tasks = [
    function* (): Task<void> {
      yield { fd: ends.read, forMs: -1 };
      order.push("heard");
    },
    function* (): Task<void> {
      yield { forMs: 1 };
      order.push("said");
      writeAll(ends.write, Uint8Array.of(1));
    },
  ].map((task) => task());
  finishAll(tasks, 50, () => {});
  expect(order).toEqual(["said", "heard"]);
  close(ends.read);
  close(ends.write);
});
