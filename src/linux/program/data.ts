/** The data of a program in its arena: strings, blocks and slots, each put there once and known by its place. */

import { type Arena, pageBytes } from "./arena.ts";
import type { Block, Given, Member, Slot } from "./record.ts";

const encoder = new TextEncoder();

export class ArenaData {
  private readonly strings = new Map<string, number>();
  private readonly i32: Int32Array;

  /** @param given by the names of a program's `Given`. */
  constructor(
    private readonly arena: Arena,
    private readonly given: Record<string, number | string | Uint8Array>,
  ) {
    this.i32 = arena.i32;
  }

  /** A result that was never stored reads as -1, which is no descriptor. */
  slot(slot: Slot): number {
    if (slot.arena === this.arena) return slot.at;
    slot.arena = this.arena;
    const bytes = slot.wide ? 8 : 4;
    slot.at = this.arena.allocate(bytes, bytes);
    this.i32[slot.at >> 2] = -1;
    return slot.at;
  }

  valueOf({ name }: Given): number | string | Uint8Array {
    if (name === "first stack") return this.arena.stack(0);
    if (name === "second stack") return this.arena.stack(1);
    if (name === "bytes of a stack") return pageBytes();
    const value = this.given[name];
    if (value === undefined) throw new Error(`a program is not told ${name}`);
    return value;
  }

  /** A string with its NUL; each once. */
  string(text: string): number {
    const there = this.strings.get(text);
    if (there !== undefined) return there;
    if (text.includes("\0")) throw new Error(`a NUL byte inside ${JSON.stringify(text)}`);
    const { arena } = this;
    const at = arena.allocate(text.length * 3 + 1, 1);
    const { written } = encoder.encodeInto(text, arena.bytes.subarray(at));
    arena.bytes[at + written] = 0;
    this.strings.set(text, at);
    return at;
  }

  bytes(data: Uint8Array): number {
    const at = this.arena.allocate(data.length || 1);
    this.arena.bytes.set(data, at);
    return at;
  }

  block(block: Block): number {
    if (block.arena === this.arena) return block.at;
    block.arena = this.arena;
    const { content } = block;
    const { arena } = this;
    if ("room" in content) block.at = arena.allocate(content.room);
    else if ("bytes" in content) {
      const bytes = "noun" in content.bytes ? this.valueOf(content.bytes) : content.bytes;
      block.at = this.bytes(bytes as Uint8Array);
    } else if ("ints" in content) {
      block.at = arena.allocate(4 * content.ints.length || 4);
      for (let index = 0; index < content.ints.length; index++)
        this.i32[(block.at >> 2) + index] = this.number(content.ints[index]!);
    } else if ("words" in content) {
      const members = Object.values(content.words);
      block.at = arena.allocate(8 * members.length);
      for (let index = 0; index < members.length; index++)
        this.wide((block.at >> 2) + 2 * index, this.member(members[index]!));
    } else {
      block.at = arena.allocate(8 * (content.strings.length + 1));
      const { at } = block;
      for (let index = 0; index < content.strings.length; index++) {
        const text = content.strings[index]!;
        const value = typeof text === "string" ? text : (this.valueOf(text) as string);
        this.wide((at >> 2) + 2 * index, arena.base + this.string(value));
      }
      this.wide((at >> 2) + 2 * content.strings.length, 0);
    }
    return block.at;
  }

  private number(value: number | Member): number {
    if (typeof value === "number") return value;
    if (value.noun === "names") return value.value;
    return this.valueOf(value as Given) as number;
  }

  private member(value: Member): number {
    if (typeof value === "number") return value;
    if (value.noun === "block") return this.arena.base + this.block(value);
    if (value.noun === "field") return this.arena.base + this.block(value.block) + value.offset;
    if (value.noun === "given") {
      const known = this.valueOf(value);
      if (typeof known === "string") return this.arena.base + this.string(known);
      return typeof known === "number" ? known : this.arena.base + this.bytes(known);
    }
    return value.value;
  }

  /** 64 bits, from a number that may be negative or beyond 32 bits. */
  private wide(word: number, value: number): void {
    this.i32[word] = value % 4294967296;
    this.i32[word + 1] = Math.floor(value / 4294967296);
  }

  load(value: number): number {
    const at = this.arena.allocate(8);
    this.wide(at >> 2, value);
    return at;
  }
}
