/** How long tests wait for what must come: on a machine with much else to do, too. Nothing is claimed by it about how fast that is. */
export const patienceMs = 60_000;
