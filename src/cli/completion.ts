/** `tinydocker completion SHELL`: a script that teaches a shell to ask us what a word may become (complete.ts). */

import { UsageError } from "../errors.ts";
import bash from "./completion/bash.txt" with { type: "text" };
import fish from "./completion/fish.txt" with { type: "text" };
import zsh from "./completion/zsh.txt" with { type: "text" };
import { nearest } from "./words/argv.ts";
import { defineCommand } from "./words/command.ts";
import { printText } from "./words/print.ts";

export default defineCommand({
  meta: {
    name: "completion",
    group: "System",
    description: "Print a completion script for bash, zsh or fish",
  },
  args: {
    shell: { type: "positional", required: true, valueHint: "bash|zsh|fish", description: "bash, zsh or fish" },
  },
  examples: [
    "tinydocker completion bash >/etc/bash_completion.d/tinydocker",
    "tinydocker completion zsh >/usr/local/share/zsh/site-functions/_tinydocker",
    "tinydocker completion fish >/etc/fish/completions/tinydocker.fish",
  ],
  run: ({ shell }) => {
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    if (script === undefined)
      throw new UsageError(`there is no completion for ${JSON.stringify(shell)}`, nearest(shell, Object.keys(scripts)));
    printText(script);
    return 0;
  },
});

/** They ask `__complete`, which answers with a word and its description on each line, and last with ":files" or the like. */
const scripts: Record<string, string> = { bash, zsh, fish };
