/** Lists, `inspect` and `events`: --format, --filter, and what a stranger's label can do to a terminal. */

import { describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/cli.ts";
import { imageTar, type Machine, withMachine } from "../support/containers.ts";
import { configOf, dockerArchive, rootfs } from "../support/images.ts";
import { needing, root } from "../support/needs.ts";
import { Pty, ptyIn } from "../support/pty.ts";
import { tarOf } from "../support/tars.ts";

const test = needing(root);

const evil = "\x1b]0;evil\x07\x1b[2J\u009b31m\u202e\u2067";

/** An image with labels, some of them not nice, and two names. */
async function loadLabelled(machine: Machine): Promise<void> {
  const layers = [rootfs()];
  const config = {
    Labels: { tier: "web", evil, "com.example.owner": "me" },
    Env: ["A=1"],
    ExposedPorts: { "80/tcp": {} },
  };
  const text = configOf(layers, { created: "2020-01-02T03:04:05Z", config });
  const path = join(machine.tmp, "labelled.tar");
  writeFileSync(path, tarOf(...dockerArchive({ config: text, layers, tags: ["my/app:1", "my/app:2"] })));
  const { code, stderr } = await machine.run(["load", "-q", "-i", path]);
  expect([code, stderr]).toEqual([0, ""]);
  await Bun.file(path).delete();
}

const withImages = (use: (machine: Machine) => Promise<void>) => withMachine(["probe"], use, loadLabelled);
const lines = (text: string) => text.split("\n").filter(Boolean);

describe("images", () => {
  test("is a table in Docker's columns, one row for each name", async () => {
    await withImages(async (machine) => {
      const { stdout } = await machine.run(["images"]);
      const [heading, ...rows] = lines(stdout);
      expect(heading).toMatch(/^REPOSITORY {3,}TAG {3,}IMAGE ID {3,}CREATED {3,}SIZE$/);
      expect(rows).toHaveLength(3);
      expect(stdout).toMatch(/^my\/app {3,}1 {3,}[0-9a-f]{12} {3,}\d years ago {3,}\d+(\.\d+)?k?B$/m);
      expect(lines((await machine.run(["images", "--digests"])).stdout)[0]).toMatch(/TAG +DIGEST +IMAGE ID/);
      expect((await machine.run(["images", "-q", "--no-trunc"])).stdout).toMatch(/^(sha256:[0-9a-f]{64}\n){2}$/);
    });
  });
  test("--format is a template, a table of columns, or json", async () => {
    await withImages(async (machine) => {
      const format = async (text: string) => (await machine.run(["images", "my/*", "--format", text])).stdout;
      expect(await format("{{.Repository}}:{{.Tag}}")).toBe("my/app:1\nmy/app:2\n");
      expect(await format("table {{.Tag}}\\t{{upper .Repository}}")).toBe(
        "TAG       REPOSITORY\n1         MY/APP\n2         MY/APP\n",
      );
      const [first] = lines(await format("json"));
      const { CreatedSince, ...fields } = JSON.parse(first!);
      expect(CreatedSince).toEndWith("years ago");
      expect(fields).toMatchObject({ Repository: "my/app", Tag: "1", Digest: "<none>" });
      expect(fields.CreatedAt).toStartWith("2020-01-02 03:04:05 +0000 UTC");
    });
  });
  test("a template that is wrong is refused, also where there is no image", async () => {
    await withImages(async (machine) => {
      for (const operand of ["*", "no-such"]) {
        const { code, stdout, stderr } = await machine.run(["images", operand, "--format", "table {{.Nmae}}"]);
        expect([code, stdout]).toEqual([1, ""]);
        expect(stderr).toContain(
          'template parsing error: template: :1:2: executing "" at <.Nmae>: can\'t evaluate field Nmae',
        );
        expect(stderr).toContain("the fields are: Repository, Tag");
      }
      const broken = await machine.run(["images", "--format", "{{.ID"]);
      expect([broken.code, broken.stderr]).toEqual([
        1,
        "tinydocker: template parsing error: template: :1: unclosed action\n",
      ]);
    });
  });
  test("--filter keeps what it says, and refuses what it does not know", async () => {
    await withImages(async (machine) => {
      const kept = async (...filters: string[]) => {
        const words = filters.flatMap((filter) => ["-f", filter]);
        const { stdout } = await machine.run(["images", "--format", "{{.Repository}}:{{.Tag}}", ...words]);
        return lines(stdout);
      };
      expect(await kept("reference=my/app")).toEqual(["my/app:1", "my/app:2"]);
      expect(await kept("reference=*:latest")).toEqual(["probe:latest"]);
      expect(await kept("label=tier=web", "reference=*/*:2")).toEqual(["my/app:2"]);
      expect(await kept("label=tier=db")).toEqual([]);
      expect(await kept("before=probe")).toEqual(["my/app:1", "my/app:2"]);
      expect(await kept("since=my/app:1")).toEqual(["probe:latest"]);
      expect(await kept("dangling=true")).toEqual([]);
      const unknown = await machine.run(["images", "--filter", "referense=x"]);
      expect([unknown.code, unknown.stdout]).toEqual([125, ""]);
      expect(unknown.stderr).toContain("the filters are reference, dangling, label, before, since");
      expect((await machine.run(["images", "--filter", "before=nope"])).stderr).toContain("no such image: nope");
    });
  });
});

describe("inspect", () => {
  const ask = async (machine: Machine, format: string) =>
    (await machine.run(["inspect", "my/app:1", "-f", format])).stdout;
  test("--format reaches every field, and tells a missing label from a mistake", async () => {
    await withImages(async (machine) => {
      expect(await ask(machine, "{{.Config.Labels.tier}} {{.Config.Labels.nope}} {{.Config.Env}}")).toBe(
        "web <no value> [A=1]\n",
      );
      expect(await ask(machine, '{{index .Config.Labels "com.example.owner"}}')).toBe("me\n");
      expect(await ask(machine, "{{range $port, $_ := .Config.ExposedPorts}}{{$port}}{{end}}")).toBe("80/tcp\n");
      expect(await ask(machine, "{{json .RepoTags}}{{.Config.Entrypoint}}{{len .RootFS.Layers}}")).toBe(
        '["my/app:1","my/app:2"][]1\n',
      );
      const wrong = await machine.run(["inspect", "-f", "{{.Cofnig}}", "probe"]);
      expect([wrong.code, wrong.stdout]).toEqual([1, ""]);
      expect(wrong.stderr).toContain("can't evaluate field Cofnig in type object");
    });
  });
  test("prints what there is, and fails for what there is not", async () => {
    await withImages(async (machine) => {
      const { code, stdout, stderr } = await machine.run(["inspect", "--type", "image", "nope", "probe"]);
      expect([code, JSON.parse(stdout)[0].RepoTags]).toEqual([1, ["probe:latest"]]);
      expect(stderr).toContain("no such image: nope");
      expect((await machine.run(["inspect", "nope"])).stdout).toBe("[]\n");
      expect((await machine.run(["inspect", "--format", "json", "probe"])).stdout).toMatch(
        /^\[\{"Id":"sha256:.*\}\]\n$/,
      );
    });
  });
});

describe("a label with control characters in it (R39)", () => {
  const format = "{{.Config.Labels.evil}}";
  test("comes as it is where no terminal is", async () => {
    await withImages(async (machine) => {
      expect((await machine.run(["inspect", "-f", format, "my/app:1"])).stdout).toBe(`${evil}\n`);
    });
  });
  test("commands no terminal, by no way to print it; the template's own words do", async () => {
    await withImages(async (machine) => {
      const ways = [
        ["inspect", "-f", format],
        ["inspect", "-f", "{{json .}}"],
        ["inspect", "-f", "{{.}}"],
        ["inspect"],
      ];
      for (const words of ways) {
        await using terminal = ptyIn(machine, [...words, "my/app:1"]);
        expect([words, await terminal.exit()]).toEqual([words, 0]);
        expect(terminal.output).toContain("evil");
        expect(terminal.output).not.toMatch(/[\x07\x1b\u009b\u202e\u2067]/);
      }
      await using own = ptyIn(machine, ["inspect", "-f", '{{"\\x1b[1m"}}{{.Architecture}}', "my/app:1"]);
      expect(await own.exit()).toBe(0);
      expect(own.output).toStartWith("\x1b[1m");
      await using list = ptyIn(machine, ["images", "--format", '{{"\\x1b[1m"}}{{.Repository}}']);
      expect([await list.exit(), list.output.slice(0, 4)]).toEqual([0, "\x1b[1m"]);
    });
  });
});

describe("events", () => {
  // The machine itself has run a container before.
  const past = ["--since", "1h", "--until", "0s", "--filter", "type=image"];
  test("tells of images that were loaded and removed, as a line and as json", async () => {
    await withMachine([], async (machine) => {
      await machine.loadFile(imageTar("probe"), "gone:1");
      expect((await machine.run(["rmi", "gone:1"])).code).toBe(0);
      const { stdout } = await machine.run(["events", ...past]);
      const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)`;
      const id = "sha256:[0-9a-f]{64}";
      const written = lines(stdout);
      expect(written[0]).toMatch(new RegExp(`^${time} image load ${id} \\(name=gone:1\\)$`));
      expect(written[1]).toMatch(new RegExp(`^${time} image untag ${id} \\(name=gone:1\\)$`));
      expect(written[2]).toMatch(new RegExp(`^${time} image delete ${id} \\(name=${id}\\)$`));
      const json = lines((await machine.run(["events", ...past, "--format", "json", "-f", "event=untag"])).stdout);
      expect(json).toHaveLength(1);
      expect(json[0]).toMatch(/"timeNano":\d{19}\}$/);
      expect(JSON.parse(json[0]!)).toMatchObject({
        status: "untag",
        Type: "image",
        Action: "untag",
        Actor: { Attributes: { name: "gone:1" } },
        scope: "local",
      });
      const kept = async (...words: string[]) =>
        lines((await machine.run(["events", ...past, "--format", "{{.Action}}", ...words])).stdout);
      expect(await kept("-f", "image=gone")).toEqual(["load", "untag"]);
      expect(await kept("-f", "event=load", "-f", "event=delete")).toEqual(["load", "delete"]);
      expect(await kept("-f", "container=nobody")).toEqual([]);
      expect(await kept("--since", "0s")).toEqual([]);
      await machine.beginAnew();
    });
  });
  test("follows what comes, and Ctrl-C ends it with 130 as the shell sees it", async () => {
    await withMachine([], async (machine) => {
      const terminal = new Pty(machine.command(["sh", "-c", `trap : INT; ${binary()} events; echo ended with $?`]), {
        env: machine.environment(),
        cwd: machine.directory,
        columns: 200,
      });
      await using _ = terminal;
      await Bun.sleep(300);
      await machine.loadFile(imageTar("busybox"), "busybox");
      expect((await machine.run(["rmi", "busybox"])).code).toBe(0);
      await terminal.waitFor("image load");
      await terminal.waitFor("image untag");
      await terminal.waitFor("image delete");
      terminal.press("ctrl-c");
      await terminal.waitFor("ended with 130");
      await machine.beginAnew();
    });
  });
  test("ends when nobody reads, at --until, and refuses a time that is none", async () => {
    await withMachine(["probe"], async (machine) => {
      const started = performance.now();
      const piped = await machine.exec(["sh", "-c", `${binary()} events --since 1h | head -n 1`]);
      expect(piped.stdout).toContain("image load");
      expect((await machine.run(["events", "--until", "-0.3s"])).code).toBe(0);
      expect(performance.now() - started).toBeLessThan(5000);
      const refused = await machine.run(["events", "--since", "yesterday"]);
      expect([refused.code, refused.stdout]).toEqual([125, ""]);
      expect(refused.stderr).toContain('--since: "yesterday" is not a valid time');
      expect((await machine.run(["events", "--filter", "typ=image"])).stderr).toContain("did you mean type?");
    });
  });
});
