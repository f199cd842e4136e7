/** What a volume's directory has in it. Pure. */

export const dataName = "_data";

/** What containers see of a volume. */
export const dataOf = (volume: string): string => `${volume}/${dataName}`;

/** What is known of it, as JSON. */
export const recordOf = (volume: string): string => `${volume}/volume.json`;
