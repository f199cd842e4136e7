import type { Image } from "./store.ts";
export const peekImages = async (_f: string): Promise<{ config: Image["config"]; layerCount: number }[]> => [];
