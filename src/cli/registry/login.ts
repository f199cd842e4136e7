/** `tinydocker login`: who we are at a registry, checked there and kept where Docker has it, too. */

import { checkLogin, login } from "../../engine/image/login.ts";
import { UsageError } from "../../errors.ts";
import { askLine, askSecret, readPiped } from "../words/ask.ts";
import { defineCommand } from "../words/command.ts";
import { printLine, warn } from "../words/print.ts";
import { tlsArgs } from "../words/tls.ts";
import { parseRegistry } from "./args.ts";

export default defineCommand({
  meta: { name: "login", group: "Images", description: "Log in to a registry" },
  args: {
    registry: { type: "positional", description: "Host of the registry (Docker Hub)" },
    username: { type: "string", alias: "u", valueHint: "name", description: "User name" },
    password: {
      type: "string",
      alias: "p",
      valueHint: "text",
      description: "Password or token, which others on this host can see here",
    },
    "password-stdin": { type: "boolean", description: "Take the password from stdin" },
    ...tlsArgs,
  },
  examples: [
    "tinydocker login registry.example",
    "pass registry | tinydocker login -u me --password-stdin registry.example",
  ],
  run: async ({ registry, username, password, "password-stdin": piped, "tls-verify": verifyTls }) => {
    const host = parseRegistry(registry);
    if (piped && password !== undefined) throw new UsageError("--password and --password-stdin cannot be combined");
    if (piped && username === undefined) throw new UsageError("--password-stdin needs --username");
    if (password !== undefined) warn("--password can be read by all users of this host: --password-stdin cannot");
    if (username === undefined && password === undefined && (await checkLogin(host, { verifyTls }))) {
      printLine("Login Succeeded");
      return 0;
    }
    const hint = "--username NAME --password-stdin";
    const name = username ?? askLine("Username: ", hint);
    if (name === "" || name.includes(":")) throw new UsageError(`${JSON.stringify(name)} is not a user name`);
    const secret = password ?? (piped ? readPiped() : askSecret("Password: ", hint));
    if (secret === "") throw new UsageError("the password is empty");
    const kept = await login(host, { username: name, password: secret }, { verifyTls });
    if ("file" in kept)
      warn(
        `the password is in ${kept.file}, which only its owner can read; a docker-credential-* program keeps it better`,
      );
    printLine("Login Succeeded");
    return 0;
  },
});
