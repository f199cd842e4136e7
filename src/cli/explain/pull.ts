/** `tinydocker explain pull NAME`: each request that a pull would make, and why; nobody is asked. */

import { explainPull } from "../../engine/image/explain-pull.ts";
import { UsageError } from "../../errors.ts";
import pullCommand from "../image/pull.ts";
import { parseCommand } from "../words/argv.ts";
import { parsePlatformArg } from "../words/platform.ts";
import { plain, printLine } from "../words/print.ts";

/** @param words after `pull`: its own options and its operand */
export function printPull(words: string[], json: boolean): void {
  const args = parseCommand(pullCommand, words) as Record<string, string | boolean | undefined>;
  const { platform, "tls-verify": verifyTls, "all-tags": allTags } = args;
  if (allTags) throw new UsageError("explain pull is about one image, and --all-tags about many");
  if (platform !== undefined) parsePlatformArg(String(platform));
  const { reference, endpoints } = explainPull(String(args.image), platform as string | undefined, {
    verifyTls: verifyTls as boolean | undefined,
  });
  if (json) {
    printLine(JSON.stringify({ reference, endpoints }, null, 2));
    return;
  }
  printLine(`Requests of a pull of ${plain(reference)}. Nobody is asked.`);
  let number = 0;
  for (const { endpoint, isMirror, tls, proxy, requests } of endpoints) {
    printLine(`\n${endpoint}${isMirror ? " (a mirror: passed by where it fails)" : ""}`);
    printLine(`      tls: ${tls}`);
    printLine(`      proxy: ${plain(proxy)}`);
    for (const { request, why, if: when } of requests) {
      number += 1;
      printLine(`${String(number).padStart(4)}. ${plain(request)}`);
      printLine(`      ${plain(why)}`);
      if (when !== undefined) printLine(`      if ${when}`);
    }
  }
}
