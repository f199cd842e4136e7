/** Values as D-Bus has them on the wire: each at a multiple of its own size. */

import { InvalidError } from "../../errors.ts";
import { alignmentOf, membersOf, typesOf, type Value, type Variant } from "./signature.ts";

export class MarshalWriter {
  private buffer = new Uint8Array(new ArrayBuffer(1024));
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  /** What is written. */
  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  align(size: number): void {
    this.room(Math.ceil(this.length / size) * size - this.length);
  }

  /** Values one after the other, as a body or a structure has them. */
  structure(signature: string, values: readonly Value[]): void {
    const types = typesOf(signature);
    if (types.length !== values.length)
      throw new InvalidError(`D-Bus: ${values.length} values for ${JSON.stringify(signature)}`);
    types.forEach((type, index) => {
      this.value(type, values[index]!);
    });
  }

  /** @param type one complete type. */
  value(type: string, value: Value): void {
    this.align(alignmentOf(type));
    const letter = type[0]!;
    if (letter === "a") this.array(type.slice(1), value as Value[]);
    else if (letter === "(" || letter === "{") this.structure(membersOf(type), value as Value[]);
    else if (letter === "v") {
      const { type: own, value: inner } = value as Variant;
      this.value("g", own);
      this.value(own, inner);
    } else if ("sog".includes(letter)) this.text(String(value), letter === "g" ? 1 : 4);
    else this.number(letter, value as number | bigint | boolean | string);
  }

  /** The number of bytes does not count those that stand before the first item. */
  private array(item: string, values: readonly Value[]): void {
    const at = this.room(4);
    this.align(alignmentOf(item));
    const start = this.length;
    for (const value of values) this.value(item, value);
    this.view.setUint32(at, this.length - start, true);
  }

  private text(text: string, sizeBytes: 1 | 4): void {
    if (text.includes("\0")) throw new InvalidError(`D-Bus: ${JSON.stringify(text)} has a NUL`);
    const bytes = new TextEncoder().encode(text);
    const at = this.room(sizeBytes + bytes.length + 1);
    if (sizeBytes === 1) this.view.setUint8(at, bytes.length);
    else this.view.setUint32(at, bytes.length, true);
    this.buffer.set(bytes, at + sizeBytes);
  }

  private number(letter: string, value: number | bigint | boolean | string): void {
    const at = this.room(alignmentOf(letter));
    const number = Number(value);
    if (letter === "x") this.view.setBigInt64(at, BigInt(value), true);
    else if (letter === "t") this.view.setBigUint64(at, BigInt(value), true);
    else if (letter === "d") this.view.setFloat64(at, number, true);
    else if (letter === "y") this.view.setUint8(at, number);
    else if (letter === "n") this.view.setInt16(at, number, true);
    else if (letter === "q") this.view.setUint16(at, number, true);
    else if (letter === "i") this.view.setInt32(at, number, true);
    else this.view.setUint32(at, number, true);
  }

  /** @returns where it begins. */
  private room(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.buffer.length) {
      const larger = new Uint8Array(new ArrayBuffer(2 * this.length));
      larger.set(this.buffer);
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
}
