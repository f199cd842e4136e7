/** What a volume's directory has in it, and what marks one. Pure. */

export const dataName = "_data";

/** What containers see of a volume. */
export const dataOf = (volume: string): string => `${volume}/${dataName}`;

/** What is known of it, as JSON. */
export const recordOf = (volume: string): string => `${volume}/volume.json`;

/**
 * Who made it, as the id of a container, until that one's program runs or somebody else uses the volume: then it is there to stay.
 * The volumes of a start that fails are known by it.
 */
export const makerOf = (volume: string): string => `${volume}/maker`;

/** Of a volume that was made for one container, and goes with it. */
export const anonymousOption = "x-tinydocker.anonymous";
