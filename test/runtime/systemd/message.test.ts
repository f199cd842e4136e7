/** Messages of D-Bus, held to what another implementation writes, and to anything at all. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeMessage, encodeMessage, messageBytes } from "../../../src/runtime/systemd/message.ts";
import type { Value } from "../../../src/runtime/systemd/signature.ts";

const manager = { path: "/org/freedesktop/systemd1", interface: "org.freedesktop.systemd1.Manager" };
const variant = (type: string, value: Value): Value => ({ type, value });

/** Written by dbus-native 0.16.1 for the messages below. */
const call = Buffer.from(
  [
    "6c0100011001000007000000b600000001016f00190000002f6f72672f667265656465736b746f702f73797374656d6431000000000000",
    "0002017300200000006f72672e667265656465736b746f702e73797374656d64312e4d616e616765720000000000000000030173001200",
    "000053746172745472616e7369656e74556e697400000000000006017300180000006f72672e667265656465736b746f702e7379737465",
    "6d6431000000000000000008016700107373612873762961287361287376292900000007000000782e73636f706500040000006661696c",
    "00000000e800000000000000090000004d656d6f72794d61780001740000000000000000ffffffffffffffff0800000044656c65676174",
    "6500016200010000000000000004000000504944730002617500000000040000002c0100000b000000416c6c6f77656443505573000261",
    "79000200000005010000000000000b000000446576696365416c6c6f7700056128737329000037000000000000000d0000002f6465762f",
    "636861722f313a330000000300000072776d000000000008000000636861722d7074730000000002000000727700000900000043505557",
    "656967687400017400000000000000004f000000000000000000000000000000",
  ].join(""),
  "hex",
);
const signal = Buffer.from(
  [
    "6c04000141000000090000008a00000001016f00190000002f6f72672f667265656465736b746f702f73797374656d6431000000000000",
    "0002017300200000006f72672e667265656465736b746f702e73797374656d64312e4d616e616765720000000000000000030173000a00",
    "00004a6f6252656d6f76656400000000000007017300040000003a312e30000000000801670004756f7373000000000000000c00000020",
    "0000002f6f72672f667265656465736b746f702f73797374656d64312f6a6f622f31320000000007000000782e73636f70650004000000",
    "646f6e6500",
  ].join(""),
  "hex",
);
const theCall = {
  type: 1,
  serial: 7,
  destination: "org.freedesktop.systemd1",
  ...manager,
  member: "StartTransientUnit",
  signature: "ssa(sv)a(sa(sv))",
  body: [
    "x.scope",
    "fail",
    [
      ["MemoryMax", variant("t", 18446744073709551615n)],
      ["Delegate", variant("b", true)],
      ["PIDs", variant("au", [300])],
      ["AllowedCPUs", variant("ay", [5, 1])],
      [
        "DeviceAllow",
        variant("a(ss)", [
          ["/dev/char/1:3", "rwm"],
          ["char-pts", "rw"],
        ]),
      ],
      ["CPUWeight", variant("t", 79n)],
    ],
    [],
  ] as Value[],
};

describe("messages of D-Bus", () => {
  test("are byte for byte what another implementation writes", () => {
    expect(Buffer.from(encodeMessage(theCall)).toString("hex")).toBe(call.toString("hex"));
    // 64 bits can be digits, as plans have them.
    const weight = (value: Value) => encodeMessage({ ...theCall, signature: "v", body: [variant("t", value)] });
    expect(weight("18446744073709551615")).toEqual(weight(18446744073709551615n));
  });
  test("are read as they were written", () => {
    expect(decodeMessage(call)).toEqual(theCall);
    expect(decodeMessage(signal)).toEqual({
      type: 4,
      serial: 9,
      sender: ":1.0",
      ...manager,
      member: "JobRemoved",
      signature: "uoss",
      body: [12, "/org/freedesktop/systemd1/job/12", "x.scope", "done"],
    });
  });
  test("say how long they are as soon as 16 bytes are there", () => {
    expect(messageBytes(call.subarray(0, 15))).toBeUndefined();
    expect(messageBytes(call.subarray(0, 16))).toBe(call.length);
    expect(messageBytes(Buffer.concat([signal, call]))).toBe(signal.length);
  });
  test("of whatever bytes are read, or refused: never endless, never a crash", () => {
    const damaged = fc.tuple(fc.nat({ max: call.length - 1 }), fc.nat({ max: 255 }), fc.nat({ max: call.length }));
    fc.assert(
      fc.property(fc.array(damaged, { maxLength: 4 }), fc.boolean(), (damages, isCall) => {
        let bytes = Buffer.from(isCall ? call : signal);
        for (const [at, value, end] of damages) {
          bytes[at % bytes.length] = value;
          if (end % 7 === 0) bytes = Buffer.from(bytes.subarray(0, Math.max(1, end % bytes.length)));
        }
        try {
          const length = messageBytes(bytes);
          if (length !== undefined) decodeMessage(bytes.subarray(0, length));
        } catch (error) {
          expect((error as Error).name).toBe("InvalidError");
        }
      }),
    );
  });
});
