/** Points in time on a command line, as Docker reads `--since` and `--until`. Pure. */

import { UsageError } from "../../errors.ts";
import { parseDuration } from "../../oci/duration.ts";

/**
 * Seconds since 1970 (with a fraction), RFC 3339 (a part that is missing is zero, a missing zone is the caller's), or a
 * duration before now. In milliseconds since 1970.
 */
export function parseTime(option: string, text: string, nowMs: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return nowMs - ago;
  if (/^\d{1,12}(\.\d{1,9})?$/.test(text)) return Number(text) * 1000;
  // date(1) has a comma before the fraction.
  const pattern = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?:(:\d\d)(:\d\d(?:[.,]\d{1,9})?)?)?)?(Z|[+-]\d\d:\d\d)?$/;
  const match = pattern.exec(text);
  const [, date, hour = "00", minute = ":00", seconds = ":00", zone = ""] = match ?? [];
  const ms = match ? Date.parse(`${date}T${hour}${minute}${seconds.replace(",", ".")}${zone}`) : Number.NaN;
  if (Number.isNaN(ms))
    throw new UsageError(
      `${option}: ${JSON.stringify(text)} is not a valid time`,
      "as in 10m, 2026-01-02T15:04:05, 2026-01-02T15:04:05Z or seconds since 1970",
    );
  return ms;
}

/** A time as RFC 3339 with nanoseconds (those since the last millisecond), in the caller's time zone: what `events` and `logs` begin a line with. */
export function rfc3339(ms: number, nanoseconds = 0): string {
  const minutes = -new Date(ms).getTimezoneOffset();
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const size = Math.abs(minutes);
  const zone = minutes === 0 ? "Z" : `${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
  return `${new Date(ms + minutes * 60_000).toISOString().slice(0, -1)}${String(nanoseconds).padStart(6, "0")}${zone}`;
}
