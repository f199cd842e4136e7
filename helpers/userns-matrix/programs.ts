/** All that the matrix runs. */

import { builds } from "./builds.ts";
import { ofTheEngine } from "./engine.ts";
import { containersInside } from "./inside.ts";
import type { Program } from "./program.ts";
import { servers } from "./servers.ts";
import { systemTools } from "./system-tools.ts";

export const programs: Program[] = [...servers, ...systemTools, ...builds, ...containersInside, ...ofTheEngine];
