import { UnsupportedError } from "../../errors.ts";
import { writeNewFile } from "../../linux/file.ts";
import { absolutePath } from "../../paths.ts";
import { defineRuntimeCommand } from "./command.ts";
import { defaultConfig } from "./default-config.ts";

export default defineRuntimeCommand({
  meta: { name: "spec", description: "Write a config.json to begin with" },
  args: {
    bundle: { type: "string", alias: "b", valueHint: "DIR", default: ".", description: "Where to write it" },
    file: { type: "string", alias: "f", valueHint: "FILE", description: "Write this file, in place of config.json" },
    rootless: { type: "boolean", description: "Not supported: containers need root" },
  },
  run: ({ bundle, file, rootless }) => {
    if (rootless) throw new UnsupportedError("option --rootless is not supported: containers need root");
    const path = absolutePath(file ?? "config.json", absolutePath(bundle, process.cwd()));
    writeNewFile(path, `${JSON.stringify(defaultConfig, undefined, 2)}\n`, 0o666);
    return 0;
  },
});
