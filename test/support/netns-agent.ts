/** A process inside a network namespace of a test: listens, connects and sets up the firewall there, as it is told on stdin. */

import { type FirewallDriver, openFirewall } from "../../src/network/firewall/choose.ts";

export type Protocol = "tcp" | "udp";
export type Order =
  | { do: "listen"; protocol: Protocol; ip: string; port: number; name: string }
  | { do: "connect"; protocol: Protocol; ip: string; port: number; timeoutMs: number; localPort?: number }
  | { do: "firewall"; driver: FirewallDriver; method: string; args: unknown[] };
export type Answer = { value: unknown } | { error: string };

/** What a server answers: who it is, and who it thinks has asked. */
const greeting = (name: string, from = "nobody"): string => `${name} sees ${from.replace("::ffff:", "")}`;

async function listen({ protocol, ip, port, name }: Order & { do: "listen" }): Promise<void> {
  if (protocol === "tcp") {
    Bun.listen({
      hostname: ip,
      port,
      socket: {
        open: (socket) => void socket.end(greeting(name, socket.remoteAddress)),
        data: () => {},
      },
    });
    return;
  }
  await Bun.udpSocket({
    hostname: ip,
    port,
    socket: {
      data: (socket, _data, from, address) => {
        try {
          socket.send(greeting(name, address), from, address);
        } catch {
          // Of an earlier answer: who asked had given up, and its port is closed. The next one is answered all the same.
          socket.send(greeting(name, address), from, address);
        }
      },
      error: () => {},
    },
  });
}

/** UDP sockets by their local ports: a client that goes on sending keeps its socket. */
const clients = new Map<number, { socket: Bun.udp.Socket<"buffer">; answer?: (text: string) => void }>();

/** What the server said, or `nothing`. */
async function connect({ protocol, ip, port, timeoutMs, localPort }: Order & { do: "connect" }): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve("nothing"), timeoutMs);
  let end = (): void => {};
  if (protocol === "tcp") {
    let said = "";
    Bun.connect({
      hostname: ip,
      port,
      socket: {
        data: (_socket, data) => {
          said += data.toString();
        },
        close: () => resolve(said || "nothing"),
        connectError: () => resolve("nothing"),
        error: () => resolve("nothing"),
      },
    }).then(
      (socket) => {
        end = () => void socket.terminate();
      },
      () => resolve("nothing"),
    );
  } else {
    const client = clients.get(localPort ?? 0) ?? (await openClient(ip, localPort));
    client.answer = resolve;
    try {
      client.socket.send("who is there", port, ip);
    } catch {
      resolve("nothing"); // there is no way to it
    }
    if (localPort === undefined) end = () => void client.socket.close();
  }
  const answer = await promise;
  clearTimeout(timer);
  end();
  return answer;
}

async function openClient(ip: string, localPort?: number) {
  const client: { socket: Bun.udp.Socket<"buffer">; answer?: (text: string) => void } = {} as never;
  client.socket = await Bun.udpSocket({
    hostname: ip.includes(":") ? "::" : "0.0.0.0",
    port: localPort ?? 0,
    socket: { data: (_socket, data) => client.answer?.(data.toString()), error: () => {} },
  });
  if (localPort !== undefined) clients.set(localPort, client);
  return client;
}

function firewall({ driver, method, args }: Order & { do: "firewall" }): unknown {
  const opened = openFirewall(driver) as unknown as Record<string, (...all: unknown[]) => unknown>;
  if (method === "reload" || method === "bringBack") args[1] = new Map(args[1] as [string, unknown][]);
  return opened[method]!(...args);
}

const perform = (order: Order): unknown =>
  order.do === "listen" ? listen(order) : order.do === "connect" ? connect(order) : firewall(order);

for await (const line of console) {
  const { id, order } = JSON.parse(line) as { id: number; order: Order };
  Promise.resolve()
    .then(() => perform(order))
    .then(
      (value) => ({ value: value ?? null }),
      (error: unknown) => ({ error: String(error) }),
    )
    .then((answer) => console.log(JSON.stringify({ id, answer })));
}
