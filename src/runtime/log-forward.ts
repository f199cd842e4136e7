/**
 * The lines of a container for the host's log: systemd's journal through its socket (systemd.journal-fields(7)), or syslog
 * through /dev/log (RFC 3164). Whoever reads them there may be slow, or gone: then lines are lost, and the container goes on.
 */

import { SyscallError } from "../errors.ts";
import { close, type Fd } from "../linux/file.ts";
import { connectDatagram, trySend } from "../linux/unix-datagram.ts";

/** Whose lines they are. */
export interface Origin {
  tag: string;
  id: string;
  name: string;
  image: string;
  /** Of syslog, by name. */
  facility: string;
  /** Labels and variables. */
  fields: Record<string, string>;
}

export const journalSocket = "/run/systemd/journal/socket";
export const syslogSocket = "/dev/log";

export const facilities = [
  ...["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"],
  ...["", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
];

/** As Docker's: stdout is information, stderr an error. */
const severities = { 1: 6, 2: 3 };
/** Bytes of one line; a longer one is several. */
const maxLine = 16384;
/** Characters of a label or a variable: with a long one no line would fit into a datagram. */
const longestField = 2048;
const newline = 10;

/** What a log is told (runtime/log.ts). */
interface Forward {
  write(stream: 1 | 2, bytes: Uint8Array): void;
  close(): void;
}

export function forwardTo(driver: "journald" | "syslog", origin: Origin): Forward {
  const path = driver === "journald" ? journalSocket : syslogSocket;
  const format = driver === "journald" ? journalFormat(origin) : syslogFormat(origin);
  const partial = { 1: Buffer.alloc(0), 2: Buffer.alloc(0) };
  let socket: Fd | undefined;
  const send = (stream: 1 | 2, line: Uint8Array) => {
    try {
      socket ??= connectDatagram(path);
      if (trySend(socket, format(stream, line))) return;
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
    // It was started again, and has another socket there by now.
    if (socket !== undefined) close(socket);
    socket = undefined;
  };
  return {
    write: (stream, bytes) => {
      const all = Buffer.concat([partial[stream], bytes]);
      let at = 0;
      for (let end = all.indexOf(newline); end >= 0 || all.length - at > maxLine; end = all.indexOf(newline, at)) {
        const cut = end >= 0 && end - at <= maxLine ? end : at + maxLine;
        send(stream, all.subarray(at, cut));
        at = cut === end ? cut + 1 : cut;
      }
      partial[stream] = Buffer.from(all.subarray(at));
    },
    close: () => {
      for (const stream of [1, 2] as const) if (partial[stream].length > 0) send(stream, partial[stream]);
      if (socket !== undefined) close(socket);
    },
  };
}

type Format = (stream: 1 | 2, line: Uint8Array) => Uint8Array;

/** Each field is NAME, a line feed, the length as u64, the value, a line feed: so a value may have any bytes. */
function journalFormat({ tag, id, name, image, fields }: Origin): Format {
  const known = {
    SYSLOG_IDENTIFIER: tag,
    CONTAINER_TAG: tag,
    CONTAINER_ID: id.slice(0, 12),
    CONTAINER_ID_FULL: id,
    CONTAINER_NAME: name,
    IMAGE_NAME: image,
  };
  // What a label is called must not stand for what we say of the container.
  const taken = [...Object.keys(known), "MESSAGE", "PRIORITY", ""];
  const own = Object.entries(fields)
    .map(([key, value]) => [fieldName(key), value.slice(0, longestField)] as const)
    .filter(([key]) => !taken.includes(key));
  const fixed = [...own, ...Object.entries(known)].map(([key, value]) => journalField(key, Buffer.from(value)));
  return (stream, line) =>
    Buffer.concat([
      journalField("PRIORITY", Buffer.from(String(severities[stream]))),
      journalField("MESSAGE", line),
      ...fixed,
    ]);
}

/** The journal's names are capitals, digits and underscores, and begin with a letter. */
const fieldName = (key: string): string =>
  key
    .toUpperCase()
    .replace(/[^A-Z0-9_]/g, "_")
    .replace(/^[^A-Z]+/, "");

function journalField(name: string, value: Uint8Array): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from("\n")]);
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `<30>Dec  1 02:03:04 tag[pid]: line`, in the host's time, as the C library's syslog(3). */
function syslogFormat({ tag: text, facility }: Origin): Format {
  // It ends where the line begins, and an image may be called anything.
  const tag = text.replace(/[^\x21-\x7e]/g, "_").slice(0, longestField);
  const two = (value: number) => String(value).padStart(2, "0");
  return (stream, line) => {
    const now = new Date();
    const day = String(now.getDate()).padStart(2, " ");
    const clock = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(":");
    const priority = facilities.indexOf(facility) * 8 + severities[stream];
    return Buffer.concat([
      Buffer.from(`<${priority}>${months[now.getMonth()]} ${day} ${clock} ${tag}[${process.pid}]: `),
      line,
    ]);
  };
}
