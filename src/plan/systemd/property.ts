/** Properties of a systemd unit, as its D-Bus interface takes them: a name and a typed value. */

/** Numbers beyond 2^53 are decimal digits, so that a plan stays JSON. */
export type PropertyValue = string | number | boolean | PropertyValue[];

/** @see https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html */
export interface Property {
  name: string;
  /** Signature of one complete type: https://dbus.freedesktop.org/doc/dbus-specification.html#type-system */
  type: string;
  value: PropertyValue;
}

export const property = (name: string, type: string, value: PropertyValue): Property => ({ name, type, value });

/** What systemd has for "no limit": the largest number of 64 bits. */
export const infinity = "18446744073709551615";
