/** What every container may do with devices. Pure. */

/**
 * Of every container, whatever its own rules say, as runc has it: each device may be made, which opens none of them, and those
 * that /dev has of its own may be used.
 */
export const always = [
  "a *:* m",
  "c 1:3 rwm",
  "c 1:5 rwm",
  "c 1:7 rwm",
  "c 1:8 rwm",
  "c 1:9 rwm",
  "c 5:0 rwm",
  "c 5:1 rwm",
  "c 5:2 rwm",
  "c 136:* rwm",
];
export const denyAll = "deny a *:* rwm";

/** Of a container that has none of its own. */
export const defaultDeviceRules: readonly string[] = [denyAll, ...always];
