/** Sizes in messages. */

/** A size in messages, in the units that limits have: 64 MiB, 1.5 GiB; small ones to the byte. */
export function readableBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : Number(value.toPrecision(4))} ${units[unit]}`;
}
