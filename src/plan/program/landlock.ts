/** Landlock as records (landlock(7)). Loaded for those that have rules of it. */

import { Block, Field, names, type Slot } from "../../linux/program/record.ts";
import { words } from "../../linux/program/writer.ts";
import { landlockBits } from "../rare/landlock.ts";
import type { RareStep } from "../rare/step.ts";
import type { Context } from "./context.ts";

const LANDLOCK_RULE_PATH_BENEATH = 1;
const LANDLOCK_RULE_NET_PORT = 2;

/** The rules, made while all of the container's files can be reached, and what they are kept by. */
export function landlockRules(context: Context, { rules }: Extract<RareStep, { do: "landlock-rules" }>): void {
  const { writer } = context;
  const { fs, net, scoped } = landlockBits;
  const handled = { handled_access_fs: fs(rules.fs), handled_access_net: net(rules.net), scoped: scoped(rules.scoped) };
  writer.about("rules of Landlock");
  const ruleset = writer.into("ruleset", "landlock_create_ruleset", [words("landlock_ruleset_attr", handled), 24, 0]);
  for (const { path, allowed } of rules.paths) {
    writer.about(path);
    const rule = new Block("landlock_path_beneath_attr", { words: { allowed_access: fs(allowed), parent_fd: 0 } });
    const parent = new Field(rule, 8, "i32");
    writer.call("openat", [names("AT_FDCWD"), path, names("O_PATH", "O_CLOEXEC")], { into: parent });
    addRule(context, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule);
    writer.call("close", [parent]);
  }
  for (const { port, allowed } of rules.ports) {
    writer.about(`port ${port}`);
    addRule(
      context,
      ruleset,
      LANDLOCK_RULE_NET_PORT,
      words("landlock_net_port_attr", { allowed_access: net(allowed), port }),
    );
  }
  context.landlock = ruleset;
}

const addRule = ({ writer }: Context, ruleset: Slot, type: number, rule: Block): void =>
  writer.call("landlock_add_rule", [ruleset, type, rule, 0]);

/** From now on. Execve closes what they were kept by. */
export function landlock({ writer, landlock: ruleset }: Context): void {
  writer.about("rules of Landlock");
  writer.call("landlock_restrict_self", [ruleset!, 0]);
}
