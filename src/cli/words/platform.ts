/** `--platform` of the commands for images of the store, each of which is for one platform. */

import { checkPlatform, parsePlatform } from "../../image/platform.ts";
import type { Platform } from "../../oci/manifest.ts";
import type { Arguments } from "./command.ts";

export const platformArgs = {
  platform: {
    type: "string",
    empty: "checked",
    valueHint: "platform",
    description: "Refuse an image for another platform, as in linux/amd64 or linux/arm/v7",
  },
} as const satisfies Arguments;

export const parsePlatformArg = (text: string): Partial<Platform> => parsePlatform("--platform", text);

/** @returns what throws a ConflictError for an image that is for another platform than was asked for, if one was. */
export function platformCheck(text: string | undefined): (name: string, image: Platform) => void {
  if (text === undefined) return () => {};
  const asked = parsePlatformArg(text);
  return (name, image) => checkPlatform(name, asked, image);
}
