/** `tinydocker logout`: forgets who we are at a registry. */

import { logout } from "../../engine/image/login.ts";
import { defineCommand } from "../words/command.ts";
import { printLine } from "../words/print.ts";
import { parseRegistry } from "./args.ts";

export default defineCommand({
  meta: { name: "logout", group: "Images", description: "Log out of a registry" },
  args: { registry: { type: "positional", description: "Host of the registry (Docker Hub)" } },
  examples: ["tinydocker logout registry.example"],
  run: async ({ registry }) => {
    const host = parseRegistry(registry);
    const wasThere = await logout(host);
    printLine(wasThere ? `Removing login credentials for ${host}` : `Not logged in to ${host}`);
    return 0;
  },
});
