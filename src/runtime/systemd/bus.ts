/**
 * A connection to systemd: over the system bus, or where there is none through systemd's own socket. Every call waits for its
 * answer, as everything here does: whoever makes a container holds its lock meanwhile.
 *
 *     > NUL AUTH EXTERNAL <hex of the uid>, BEGIN        < OK <guid>        (then messages, in both directions)
 */

import { Failure, hasCode, UnsupportedError } from "../../errors.ts";
import { type Fd, O_DIRECTORY, O_PATH, openIfAny, owned, read, writeAll } from "../../linux/file.ts";
import { POLLIN, poll } from "../../linux/poll.ts";
import { statIfAny } from "../../linux/stat.ts";
import { connectStreamAt } from "../../linux/unix.ts";
import { decodeMessage, encodeMessage, type Message, messageBytes, messageTypes } from "./message.ts";
import type { Value } from "./signature.ts";

/** systemd answers at once, or something is wrong with it. runc waits as long. */
const patienceMs = 30_000;
/** There if systemd is process 1 (sd_booted(3)). */
const bootedBySystemd = "/run/systemd/system";
const sockets = [
  { directory: "/run/dbus", name: "system_bus_socket", bus: true },
  // For root alone; systemd itself is the other side.
  { directory: "/run/systemd", name: "private", bus: false },
];
const insteadOfSystemd = "--cgroup-manager cgroupfs, and the same for the engine that calls";

/** What systemd said no to. */
export class RefusedError extends Failure {
  constructor(
    message: string,
    /** `org.freedesktop.systemd1.NoSuchUnit`. */
    readonly errorName: string,
  ) {
    super(message);
  }
}

const manager = {
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
};
const busDaemon = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};

/** Where a call goes, and what it says. */
type Call = Pick<Message, "destination" | "path" | "interface" | "member" | "signature"> & { body?: Value[] };

export class SystemdConnection {
  private serial = 0;
  private received: Uint8Array = new Uint8Array(0);
  /** Signals that came before anybody waited for them. */
  private readonly signals: Message[] = [];

  private constructor(
    private readonly socket: Fd,
    private readonly isBus: boolean,
  ) {}

  /** Connects and does something. @throws UnsupportedError where there is no systemd to talk to. */
  static use<Result>(action: (systemd: SystemdConnection) => Result): Result {
    const { socket, bus } = connect();
    using _ = owned(socket);
    const connection = new SystemdConnection(socket, bus);
    connection.authenticate();
    if (bus) connection.call({ ...busDaemon, member: "Hello" });
    return action(connection);
  }

  /** A method of systemd's manager. @returns what it answers. @throws RefusedError */
  manager(member: string, signature: string, body: Value[]): Value[] {
    return this.call({ ...manager, member, signature, body });
  }

  /** A method that begins a job for a unit. Waits for its end. @returns how it ended: "done", "failed", "timeout", ... */
  job(unit: string, member: string, signature: string, body: Value[]): string {
    if (this.isBus) this.call({ ...busDaemon, member: "AddMatch", signature: "s", body: [matchOf(unit)] });
    const [job] = this.manager(member, signature, body);
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const at = this.signals.findIndex(({ member: name, body: [, path] }) => name === "JobRemoved" && path === job);
      if (at !== -1) return String(this.signals.splice(at, 1)[0]!.body[3]);
      const message = this.next(deadline, `the end of ${member} of ${unit}`);
      if (message.type === messageTypes.signal) this.signals.push(message);
    }
  }

  /** Waits until systemd has done what it was told: it writes into cgroups after it has answered, and before it hears of anything else. */
  settle(): void {
    this.call({ ...manager, interface: "org.freedesktop.DBus.Peer", member: "Ping" });
  }

  private call(call: Call): Value[] {
    const { body = [], ...header } = call;
    const serial = ++this.serial;
    writeAll(this.socket, encodeMessage({ type: messageTypes.call, serial, ...header, body }), "systemd");
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const message = this.next(deadline, `an answer to ${call.member}`);
      if (message.type === messageTypes.signal) this.signals.push(message);
      if (message.replySerial !== serial) continue;
      if (message.type === messageTypes.reply) return message.body;
      const { errorName = "an error", body: said } = message;
      throw new RefusedError(`systemd refuses ${call.member}: ${String(said[0] ?? errorName)}`, errorName);
    }
  }

  /** BEGIN does not wait for OK: systemd never looks at a message that has come together with it, until the next one does. */
  private authenticate(): void {
    const uid = Buffer.from(String(process.geteuid?.() ?? 0)).toString("hex");
    writeAll(this.socket, Buffer.from(`\0AUTH EXTERNAL ${uid}\r\nBEGIN\r\n`), "systemd");
    const deadline = performance.now() + patienceMs;
    let line = "";
    while (!line.endsWith("\r\n")) line += Buffer.from(this.receive(deadline, "systemd's welcome")).toString("latin1");
    if (!line.startsWith("OK "))
      throw new UnsupportedError(
        "systemd does not take us for root of this host: cgroups by systemd are not supported without root",
        insteadOfSystemd,
      );
  }

  private next(deadline: number, subject: string): Message {
    for (;;) {
      const bytes = messageBytes(this.received);
      if (bytes !== undefined && this.received.length >= bytes) {
        const message = decodeMessage(this.received.slice(0, bytes));
        this.received = this.received.slice(bytes);
        return message;
      }
      this.received = Buffer.concat([this.received, this.receive(deadline, subject)]);
    }
  }

  private receive(deadline: number, subject: string): Uint8Array {
    const interest = { fd: this.socket, events: POLLIN, happened: 0 };
    poll([interest], Math.max(0, Math.ceil(deadline - performance.now())));
    if (!interest.happened) throw new Failure(`systemd does not answer: ${subject} has not come`);
    const buffer = new Uint8Array(new ArrayBuffer(16384));
    const count = read(this.socket, buffer, "systemd");
    if (count === 0) throw new Failure(`systemd has hung up before ${subject} came`);
    return buffer.subarray(0, count);
  }
}

const matchOf = (unit: string): string =>
  Object.entries({
    type: "signal",
    sender: manager.destination,
    path: manager.path,
    interface: manager.interface,
    member: "JobRemoved",
    arg2: unit,
  })
    .map(([key, value]) => `${key}='${value}'`)
    .join(",");

/** @throws UnsupportedError where systemd is not process 1. */
export function requireSystemd(): void {
  if (!statIfAny(bootedBySystemd))
    throw new UnsupportedError(
      `cgroups by systemd are not supported here: this host does not run systemd (${bootedBySystemd} is not there)`,
      insteadOfSystemd,
    );
}

function connect(): { socket: Fd; bus: boolean } {
  for (const { directory, name, bus } of sockets) {
    using opened = owned(openIfAny(directory, O_PATH | O_DIRECTORY));
    if (!opened) continue;
    try {
      return { socket: connectStreamAt(opened.fd, name, `${directory}/${name}`), bus };
    } catch (error) {
      if (!hasCode(error, "ENOENT", "ECONNREFUSED")) throw error;
    }
  }
  const paths = sockets.map(({ directory, name }) => `${directory}/${name}`);
  throw new UnsupportedError(`cannot reach systemd: nobody listens at ${paths.join(" or ")}`, insteadOfSystemd);
}
