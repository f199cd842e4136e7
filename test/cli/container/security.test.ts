import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseSecurity } from "../../../src/cli/container/security.ts";
import { UsageError } from "../../../src/errors.ts";
import { refuses, strict } from "../../support/parsers.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const parse = (...words: string[]) => parseSecurity(words);

function profileFile(text: string): string {
  const path = join(temporaryDirectory(), "profile.json");
  writeFileSync(path, text);
  return path;
}

describe("--security-opt", () => {
  test("takes Docker's words, with an equals sign or a colon", () => {
    for (const sign of ["=", ":"]) {
      expect(parse(`seccomp${sign}unconfined`, `no-new-privileges${sign}true`)).toEqual({
        seccomp: "unconfined",
        noNewPrivileges: true,
      });
      expect(parse(`apparmor${sign}docker-default`, `label${sign}disable`, `systempaths${sign}unconfined`)).toEqual({
        apparmor: "docker-default",
        labelDisabled: true,
        systemPathsUnconfined: true,
      });
    }
    expect(parse("no-new-privileges")).toEqual({ noNewPrivileges: true });
    expect(parse("no-new-privileges", "no-new-privileges=false", "seccomp=unconfined", "seccomp=builtin")).toEqual({
      noNewPrivileges: false,
      seccomp: "builtin",
    });
  });
  test("takes podman's lists of paths, which add up", () => {
    expect(parse("mask=/a:/b", "mask=/c", "unmask=ALL", "unmask=/proc/*:/sys/firmware")).toEqual({
      mask: ["/a", "/b", "/c"],
      unmask: ["ALL", "/proc/*", "/sys/firmware"],
    });
  });
  test("keeps the text of a profile", () => {
    const text = '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"name":"read","action":"SCMP_ACT_ALLOW"}]}';
    expect(parse(`seccomp=${profileFile(text)}`)).toEqual({ seccomp: text });
  });
  test.each([
    ["{", "is not JSON"],
    ["{}", "defaultAction is not there, but it must be"],
    ['{"defaultAction":"SCMP_ACT_PANIC"}', 'defaultAction is "SCMP_ACT_PANIC", and not one of SCMP_ACT_KILL'],
  ])("refuses the profile %s", (text, message) => {
    const file = profileFile(text);
    expect(() => parse(`seccomp=${file}`)).toThrow(UsageError);
    expect(() => parse(`seccomp=${file}`)).toThrow(message);
  });
  test("refuses what it does not know by its name, and never ignores it", () => {
    refuses(parse, ["", "nothing", "seccomp", "seccomp=", "apparmor=", "no-new-privileges=maybe", "systempaths=all"]);
    refuses(parse, [
      "label=kind:x",
      "label=type:",
      "label=level:high",
      "mask=proc",
      "mask=/proc/../etc",
      "proc-opts=hidepid=2",
    ]);
    refuses(parse, ["constructor=1", "toString", "writable-cgroups=true"]);
    strict((text) => parse(`mask=${text}`));
    strict((text) => parse(`apparmor=${text}`));
  });
});
