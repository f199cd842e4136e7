/**
 * A client of Kubernetes' container runtime interface (CRI v1): gRPC over a Unix socket, each call one HTTP/2 request, its
 * messages in protobuf's encoding with the field numbers of api.proto.
 *
 * @see https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto
 */

import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

/** A message by its fields' numbers: text, bytes, numbers as varints, messages, and lists of those for repeated fields. */
export interface Message {
  [field: number]: Value | Value[];
}
type Value = string | number | Message;
/** A message that was received: what each field had, in order. Bytes are left as they are. */
export type Received = Map<number, (number | Buffer)[]>;

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

function encode(message: Message): Buffer {
  const one = (field: number, value: Value): Buffer => {
    if (typeof value === "number") return Buffer.from([...varint(field * 8), ...varint(value)]);
    const body = typeof value === "string" ? Buffer.from(value) : encode(value);
    return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
  };
  const fields = Object.entries(message).map(([field, value]) => [Number(field), [value].flat()] as const);
  return Buffer.concat(fields.flatMap(([field, values]) => values.map((value) => one(field, value))));
}

/** The fields of a message that was received; those that are messages are decoded in turn. */
export function decode(bytes: Buffer): Received {
  let at = 0;
  const number = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  const received: Received = new Map();
  while (at < bytes.length) {
    const key = number();
    const field = Math.floor(key / 8);
    const value = number();
    const isText = key % 8 === 2;
    received.set(field, [...(received.get(field) ?? []), isText ? bytes.subarray(at, at + value) : value]);
    if (isText) at += value;
  }
  return received;
}

export class Cri {
  private readonly session;

  constructor(socket: string) {
    this.session = connectHttp2("http://localhost", { createConnection: () => connect(socket) });
  }

  /** Calls a method of the runtime service. @throws Error with what the other side says. */
  call(method: string, request: Message): Promise<Received> {
    const { promise, resolve, reject } = Promise.withResolvers<Received>();
    const stream = this.session.request({
      ":method": "POST",
      ":path": `/runtime.v1.RuntimeService/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const pieces: Buffer[] = [];
    const told: Record<string, unknown> = {};
    const hear = (headers: Record<string, unknown>) => void Object.assign(told, headers);
    stream.on("response", hear).on("trailers", hear).on("error", reject);
    stream.on("data", (piece: Buffer) => void pieces.push(piece));
    stream.on("end", () => {
      const refusal = decodeURIComponent(String(told["grpc-message"] ?? ""));
      if (String(told["grpc-status"]) === "0") resolve(decode(Buffer.concat(pieces).subarray(5)));
      else reject(new Error(`${method}: ${refusal || "no answer"}`));
    });
    const body = encode(request);
    const prefix = Buffer.alloc(5); // not compressed, and its length
    prefix.writeUInt32BE(body.length, 1);
    stream.end(Buffer.concat([prefix, body]));
    return promise;
  }

  close(): void {
    this.session.close();
  }
}
