import type { Image } from "./store.ts";
export const findSource = (_p: unknown, _w: string): Image | undefined => undefined;
