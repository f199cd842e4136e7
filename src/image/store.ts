import type { ImageDefaults } from "../plan/spec.ts";
export interface Image {
  id: string;
  layers: string[];
  config: { config: ImageDefaults };
}
export const findImage = (_p: unknown, _w: string): Image | undefined => undefined;
export const listImages = (_p: unknown): Image[] => [];
