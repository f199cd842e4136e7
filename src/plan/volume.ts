/** What a volume's directory has in it, and what marks one. Pure. */

export const dataName = "_data";

/** What containers see of a volume. */
export const dataOf = (volume: string): string => `${volume}/${dataName}`;

/** What is known of it, as JSON. */
export const recordOf = (volume: string): string => `${volume}/volume.json`;

/** Of a volume that was made for one container, and goes with it. */
export const anonymousOption = "x-tinydocker.anonymous";
