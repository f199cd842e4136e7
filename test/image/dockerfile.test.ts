/** Changes of an image in the words of a Dockerfile. */

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile
import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { applyChanges } from "../../src/image/dockerfile/configure.ts";
import { expandWord } from "../../src/image/dockerfile/words.ts";

describe("applyChanges()", () => {
  const right: readonly (readonly [change: string, before: object, after: object | string])[] = [
    ['CMD ["a", "b c"]', { Cmd: ["x"] }, { Cmd: ["a", "b c"] }],
    ["cmd echo $HOME", {}, { Cmd: ["/bin/sh", "-c", "echo $HOME"] }],
    ['ENTRYPOINT ["/init"]', {}, { Entrypoint: ["/init"] }],
    ["ENV A=1 B=\"two words\" C='$x'", { Env: ["A=0", "Z=9"] }, { Env: ["A=1", "Z=9", "B=two words", "C=$x"] }],
    ["ENV NAME all of this", { Env: null }, { Env: ["NAME=all of this"] }],
    ["ENV A=b\\ c", {}, { Env: ["A=b c"] }],
    [
      "EXPOSE 80 53/udp 8000-8001",
      { ExposedPorts: { "22/tcp": {} } },
      { ExposedPorts: { "22/tcp": {}, "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {} } },
    ],
    ['LABEL a=b "c d"="e f"', { Labels: { a: "old", k: "v" } }, { Labels: { a: "b", k: "v", "c d": "e f" } }],
    ["ONBUILD RUN make", { OnBuild: ["ADD . /"] }, { OnBuild: ["ADD . /", "RUN make"] }],
    ["STOPSIGNAL quit", {}, { StopSignal: "SIGQUIT" }],
    ["STOPSIGNAL 9", {}, { StopSignal: "9" }],
    ["USER nobody:nogroup", {}, { User: "nobody:nogroup" }],
    ['VOLUME ["/a", "/b c"]', {}, { Volumes: { "/a": {}, "/b c": {} } }],
    ["VOLUME /a /b", { Volumes: { "/z": {} } }, { Volumes: { "/z": {}, "/a": {}, "/b": {} } }],
    ["WORKDIR /srv", {}, { WorkingDir: "/srv" }],
    ["WORKDIR sub", { WorkingDir: "/srv" }, { WorkingDir: "/srv/sub" }],
    ["WORKDIR ../a/./b/", { WorkingDir: "/srv/x" }, { WorkingDir: "/srv/a/b" }],
    ['CMD [ "$A" "=" "b" ]', {}, { Cmd: ["/bin/sh", "-c", '[ "$A" "=" "b" ]'] }],
    ['ENTRYPOINT [ "$A" = b ]', {}, { Entrypoint: ["/bin/sh", "-c", '[ "$A" = b ]'], Cmd: undefined }],
    ['CMD [ "$A" ] || exit 1', {}, { Cmd: ["/bin/sh", "-c", '[ "$A" ] || exit 1'] }],
    ["CMD [ -f /x ] && sh", {}, { Cmd: ["/bin/sh", "-c", "[ -f /x ] && sh"] }],
    ["CMD echo", { Shell: ["/bin/bash", "-c"] }, { Cmd: ["/bin/bash", "-c", "echo"] }],
    ["CMD []", { Cmd: ["x"] }, { Cmd: [] }],
    ["ENTRYPOINT /init", { Cmd: ["x"] }, { Entrypoint: ["/bin/sh", "-c", "/init"], Cmd: undefined }],
    ["CMD x\nENTRYPOINT y", {}, { Cmd: ["/bin/sh", "-c", "x"], Entrypoint: ["/bin/sh", "-c", "y"] }],
    ["ENV PATH=/opt/bin:$PATH", { Env: ["PATH=/bin"] }, { Env: ["PATH=/opt/bin:/bin"] }],
    ["ENV PATH=/opt/bin:$PATH", {}, { Env: ["PATH=/opt/bin:/default"] }],
    ["ENV A=1 B=$A\nENV C=$A", { Env: ["A=0"] }, { Env: ["A=1", "B=0", "C=1"] }],
    ["ENV A $B and 'more' $", { Env: ["B=b"] }, { Env: ["B=b", "A=b and more $"] }],
    [
      "EXPOSE $PORTS",
      { Env: ["PORTS=1 2/udp"] },
      { Env: ["PORTS=1 2/udp"], ExposedPorts: { "1/tcp": {}, "2/udp": {} } },
    ],
    ["VOLUME $D '$D' \"$D/x\"", { Env: ["D=/d e"] }, "is not an absolute path"],
    ['VOLUME "$D"', { Env: ["D=/d e"] }, { Env: ["D=/d e"], Volumes: { "/d e": {} } }],
    ["USER ${U:-1000}", {}, { User: "1000" }],
    ["LABEL a=1 \\\n  # a comment\n\n  b=2\nLABEL c=3", {}, { Labels: { a: "1", b: "2", c: "3" } }],
    ["# escape=`\nENV D=C:\\ `\n E=`$x", {}, { Env: ["D=C:\\", "E=$x"] }],
    [
      "HEALTHCHECK --interval=1m --timeout=1.5s --retries=2 CMD wget $URL",
      { Healthcheck: { Test: ["NONE"] } },
      { Healthcheck: { Test: ["CMD-SHELL", "wget $URL"], Interval: 6e10, Timeout: 1.5e9, Retries: 2 } },
    ],
    ['HEALTHCHECK CMD ["a", "b"]', {}, { Healthcheck: { Test: ["CMD", "a", "b"] } }],
    ['HEALTHCHECK CMD [ "$a" = b ]', {}, { Healthcheck: { Test: ["CMD-SHELL", '[ "$a" = b ]'] } }],
    ['HEALTHCHECK CMD [ "$a" ] && ls', {}, { Healthcheck: { Test: ["CMD-SHELL", '[ "$a" ] && ls'] } }],
    ['HEALTHCHECK CMD [ "$a" ]', {}, { Healthcheck: { Test: ["CMD", "$a"] } }],
    ["HEALTHCHECK NONE", {}, { Healthcheck: { Test: ["NONE"] } }],
  ] as const;
  for (const [change, before, after] of right)
    test(`understands ${change}`, () => {
      const apply = () => applyChanges({ ...before, Other: {} }, [change], ["PATH=/default"]);
      if (typeof after === "string") expect(apply).toThrow(after);
      else expect(apply()).toEqual({ ...before, ...after, Other: {} });
    });
  const wrong = [
    "RUN ls",
    "HEALTHCHECK NONE now",
    "HEALTHCHECK CMD",
    "HEALTHCHECK --interval=1us CMD x",
    "HEALTHCHECK --every=1s CMD x",
    "HEALTHCHECK CMD ['a']",
    "CMD --flag=1 x",
    "ONBUILD FROM x",
    "ONBUILD onbuild RUN x",
    "USER a b",
    "USER $NOBODY",
    "VOLUME data",
    "VOLUME []",
    "ENV =1",
    "ENV A=${B",
    "ENV A=${}",
    "ENV A=${B:?it must be there}",
    `ENV A=${"${B:-".repeat(100)}${"}".repeat(100)}`,
    "# escape=x\nCMD a",
    "# only a comment",
    "",
    "CMD",
    'CMD ["a", 1]',
    "CMD [a]",
    'CMD ["a" "b"]',
    'CMD [ "a" "b" ]',
    'CMD ["a", "b"',
    'ENTRYPOINT ["a" "b"]',
    'HEALTHCHECK CMD ["a" "b"]',
    'VOLUME ["/a" "/b"]',
    'CMD ["a"] b',
    'HEALTHCHECK CMD ["a"] || exit 1',
    "HEALTHCHECK CMD [1]",
    "ENV A",
    "ENV A=1 B",
    "EXPOSE 0",
    "EXPOSE 70000",
    "EXPOSE x",
    "STOPSIGNAL NO",
    'ENV A="b',
    "constructor x",
  ];
  for (const change of wrong)
    test(`refuses ${JSON.stringify(change)}`, () => {
      expect(() => applyChanges({}, [change])).toThrow(UsageError);
    });
});

describe("expandWord()", () => {
  const variables: Record<string, string> = { A: "a/b/c.tar.gz", E: "", "1": "one" };
  const lexing = { where: "test", escapeSign: "\\", variable: (name: string) => variables[name] } as const;
  const cases: [text: string, expected: string][] = [
    ["$A-${A}", "a/b/c.tar.gz-a/b/c.tar.gz"],
    ["$N.${N}|", ".|"],
    ["$1", "one"],
    ["\\$A \\\\ \\x", "$A \\ x"],
    ["'$A \\x'", "$A \\x"],
    ['"$A \\x \\" \\$A"', 'a/b/c.tar.gz \\x " $A'],
    ["${E:-w} ${E-w} ${N-w} ${N:-${A}}", "w  w a/b/c.tar.gz"],
    ["${E:+w}|${E+w}|${A:+w}|${N+w}", "|w|w|"],
    ["${A#*/} ${A##*/} ${A%.*} ${A%%.*}", "b/c.tar.gz c.tar.gz a/b/c.tar a/b/c"],
    ["${A/\\//-} ${A//\\//-} ${A/c.*}", "a-b/c.tar.gz a-b-c.tar.gz a/b/"],
    ["5$ $$", "5$ $$"],
  ];
  for (const [text, expected] of cases)
    test(`makes ${JSON.stringify(expected)} of ${text}`, () => expect(expandWord(text, lexing)).toBe(expected));
});
