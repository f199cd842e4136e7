/** Options that Docker has and that there are not here: known by name, so that whoever uses one learns why. */

import type { Argument } from "./command.ts";

/**
 * Such an option, which help and completion do not list.
 * @param why after the option's name: "is not supported yet".
 * @param more its other name, and values that ask for what is so anyway; those of nothing are nothing: false, and none.
 */
export const refused = <const Type extends "boolean" | "string">(
  type: Type,
  why: string,
  hint?: string,
  { alias, unless }: { alias?: string; unless?: readonly string[] } = {},
) =>
  ({
    type,
    group: "General",
    hidden: true,
    description: why,
    refused: { why, ...(hint !== undefined && { hint }), ...(unless && { unless }) },
    ...(alias !== undefined && { alias }),
  }) as const satisfies Argument;
