/** Asks 127.0.0.11 for many names at once: `bun dns-burst.ts COUNT NAME...`; prints how many were answered, and how. */

import { decode, encode } from "dns-packet";

const [count = "", ...names] = process.argv.slice(2);
const answers: Record<string, number> = {};
const open = new Set<number>();
const sockets = await Promise.all(
  Array.from({ length: 8 }, () =>
    Bun.udpSocket({
      connect: { hostname: "127.0.0.11", port: 53 },
      socket: {
        data: (_socket, message) => {
          const reply = decode(Buffer.from(message)) as ReturnType<typeof decode> & { rcode: string };
          if (!open.delete(reply.id!)) return;
          const [answer] = reply.answers ?? [];
          const text = answer && "data" in answer ? String(answer.data) : reply.rcode;
          answers[text] = (answers[text] ?? 0) + 1;
        },
      },
    }),
  ),
);
const start = performance.now();
for (let id = 0; id < Number(count); id++) {
  open.add(id);
  const name = names[id % names.length]!.replace("#", String(id));
  sockets[id % sockets.length]!.send(encode({ type: "query", id, flags: 0x100, questions: [{ type: "A", name }] }));
}
const deadline = Date.now() + 10_000;
while (open.size > 0 && Date.now() < deadline) await Bun.sleep(1);
console.log(JSON.stringify({ answers, lost: open.size, ms: performance.now() - start }));
process.exit();
