/** Reads values that D-Bus has on the wire. What ends too early, or says that it is larger than it is, is an error. */

import { InvalidError } from "../../errors.ts";
import { alignmentOf, membersOf, typesOf, type Value } from "./signature.ts";

/** A variant of variants of variants: what answers us is systemd, but nothing ends with our stack. */
const maxDepth = 64;

export class MarshalReader {
  private readonly view: DataView;
  private at = 0;
  private depth = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  align(size: number): void {
    this.take(Math.ceil(this.at / size) * size - this.at);
  }

  structure(signature: string): Value[] {
    return typesOf(signature).map((type) => this.value(type));
  }

  /** @param type one complete type. */
  value(type: string): Value {
    this.align(alignmentOf(type));
    const letter = type[0]!;
    if (++this.depth > maxDepth) throw new InvalidError("D-Bus: a message is too deep");
    try {
      if (letter === "a") return this.array(type.slice(1));
      if (letter === "(" || letter === "{") return this.structure(membersOf(type));
      if (letter === "v") {
        const own = this.text(1);
        if (typesOf(own).length !== 1) throw new InvalidError("D-Bus: a variant of no type, or of several");
        return { type: own, value: this.value(own) };
      }
      return "sog".includes(letter) ? this.text(letter === "g" ? 1 : 4) : this.number(letter);
    } finally {
      this.depth--;
    }
  }

  private array(item: string): Value[] {
    const bytes = this.view.getUint32(this.take(4), true);
    this.align(alignmentOf(item));
    const end = this.at + bytes;
    if (end > this.bytes.length) throw new InvalidError("D-Bus: a list is longer than its message");
    const values: Value[] = [];
    while (this.at < end) values.push(this.value(item));
    if (this.at !== end) throw new InvalidError("D-Bus: a list ends within one of its values");
    return values;
  }

  private text(sizeBytes: 1 | 4): string {
    const size = this.take(sizeBytes);
    const length = sizeBytes === 1 ? this.view.getUint8(size) : this.view.getUint32(size, true);
    const at = this.take(length + 1);
    return new TextDecoder().decode(this.bytes.subarray(at, at + length));
  }

  private number(letter: string): Value {
    const at = this.take(alignmentOf(letter));
    if (letter === "x") return this.view.getBigInt64(at, true);
    if (letter === "t") return this.view.getBigUint64(at, true);
    if (letter === "d") return this.view.getFloat64(at, true);
    if (letter === "y") return this.view.getUint8(at);
    if (letter === "n") return this.view.getInt16(at, true);
    if (letter === "q") return this.view.getUint16(at, true);
    if (letter === "i") return this.view.getInt32(at, true);
    const number = this.view.getUint32(at, true);
    return letter === "b" ? number !== 0 : number;
  }

  /** @returns where it begins. */
  private take(bytes: number): number {
    const at = this.at;
    this.at += bytes;
    if (this.at > this.bytes.length) throw new InvalidError("D-Bus: a message ends too early");
    return at;
  }
}
