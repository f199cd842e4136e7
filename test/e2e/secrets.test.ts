/** Secrets: kept for root alone, shown to who is given them, and found nowhere else. */

import { expect } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Machine, said, withMachine } from "../support/containers.ts";
import { detached, forever, ok, until } from "../support/life.ts";
import { needing, root } from "../support/needs.ts";

const test = needing(root);

const value = "correct horse\nbattery staple";
const create = (machine: Machine, name: string, text: string, ...options: string[]) =>
  machine.run(["secret", "create", ...options, name, "-"], { stdin: text });

/** A machine whose store has had a secret. */
const withSecrets = (use: (machine: Machine) => Promise<void>) =>
  withMachine(["busybox"], use, async (machine) => {
    ok(await create(machine, "first", "x"));
    ok(await machine.run(["secret", "rm", "--all"]));
  });

/** Files below a directory that have the value in them. */
const holding = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes("battery staple"));

test("secret create, ls, inspect, exists and rm; the value is for root alone and shown to nobody who does not ask", async () => {
  await withSecrets(async (machine) => {
    const id = ok(await create(machine, "password", value, "--label", "a=b"));
    expect(id).toMatch(/^[0-9a-f]{25}$/);
    const [file] = holding(machine.root);
    expect([file, statSync(file!).mode & 0o777]).toEqual([join(machine.root, "secrets/password/data"), 0o600]);
    for (const directory of ["secrets", "secrets/password"])
      expect(statSync(join(machine.root, directory)).mode & 0o777).toBe(0o700);
    expect(ok(await machine.run(["secret", "ls", "--format", '{{.Name}} {{.Driver}} {{.Label "a"}}']))).toBe(
      "password file b",
    );
    const shown = ok(await machine.run(["secret", "inspect", "password"]));
    expect(shown).not.toContain("horse");
    expect(JSON.parse(shown)[0]).toMatchObject({ ID: id, Spec: { Name: "password", Labels: { a: "b" } } });
    const asked = ["secret", "inspect", "--showsecret", "-f", "{{.SecretData}}", id.slice(0, 9)];
    expect(ok(await machine.run(asked))).toBe(value);
    const pretty = ok(await machine.run(["secret", "inspect", "--pretty", "-f", "{{.ID}}", "password"]));
    expect(pretty.replace(/(at: +)\d{4}-.*/g, "$1TIME")).toBe(
      [
        `ID:               ${id}`,
        "Name:             password",
        "Labels:",
        " - a=b",
        "Driver:           file",
        "Created at:       TIME",
        "Updated at:       TIME",
      ].join("\n"),
    );
    expect((await machine.run(["secret", "exists", "password"])).code).toBe(0);
    const again = await create(machine, "password", "other");
    expect([again.code, said(again)]).toEqual([1, expect.stringContaining("secret password exists")]);
    expect(ok(await create(machine, "password", "other", "--ignore"))).toBe(id);
    expect(ok(await create(machine, "password", "other", "--replace"))).not.toBe(id);
    expect(holding(machine.root)).toEqual([]);
    expect(ok(await machine.run(["secret", "rm", "password"]))).toMatch(/^[0-9a-f]{25}$/);
    expect((await machine.run(["secret", "exists", "password"])).code).toBe(1);
    expect((await machine.run(["secret", "rm", "password"])).code).toBe(1);
    expect((await machine.run(["secret", "rm", "-i", "password"])).code).toBe(0);
    for (const [name, text] of [
      ["../x", "x"],
      ["x", ""],
      ["x", "x".repeat(512_001)],
    ] as const)
      expect([name, (await create(machine, name, text)).code]).toEqual([name, 125]);
    expect(readdirSync(join(machine.root, "secrets"))).toEqual([]);
  });
});

test("run --secret shows it as a file or a variable, to exec too, and it is in no image, inspect, plan or log (R37)", async () => {
  await withSecrets(async (machine) => {
    ok(await create(machine, "password", value));
    const options = [
      ...["--network", "none", "--secret", "password"],
      ...["--secret", "password,target=short,uid=7,gid=8,mode=0400"],
      ...["--secret", "src=password,target=/etc/app/key"],
      ...["--secret", "password,type=env,target=PASSWORD"],
      ...["--health-interval", "100ms", "--health-cmd", 'test "$PASSWORD" = "$(cat /etc/app/key)"'],
    ];
    const explained = ok(await machine.run(["explain", "--json", "run", ...options, "busybox", "true"]));
    await detached(machine, "one", forever, options);
    ok(await machine.run(["secret", "rm", "password"]));
    const inside = async (...words: string[]) => ok(await machine.run(["exec", "one", ...words]));
    for (const path of ["/run/secrets/password", "/run/secrets/short", "/etc/app/key"])
      expect(await inside("cat", path)).toBe(value);
    expect(await inside("sh", "-c", 'printf %s "$PASSWORD"')).toBe(value);
    expect(await inside("sh", "-c", "tr '\\0' '\\n' </proc/1/environ | grep -A1 ^PASSWORD=")).toBe(`PASSWORD=${value}`);
    const format = "%u %g %a %n";
    expect(await inside("stat", "-c", format, "/run/secrets/password", "/run/secrets/short", "/etc/app/key")).toBe(
      "0 0 444 /run/secrets/password\n7 8 400 /run/secrets/short\n0 0 444 /etc/app/key",
    );
    expect(await inside("sh", "-c", "df /run/secrets /etc/app/key | grep -c ^tmpfs")).toBe("2");
    expect((await machine.run(["exec", "one", "touch", "/run/secrets/more"])).stderr).toContain("Read-only");
    const health = async () => ok(await machine.run(["inspect", "-f", "{{.State.Health.Status}}", "one"]));
    await until(async () => (await health()) === "healthy", "its health check has the variable, too");
    // The copies go on with it, also when it is started again.
    ok(await machine.run(["restart", "-t", "0", "one"]));
    expect(await inside("cat", "/run/secrets/password")).toBe(value);
    ok(await machine.run(["stop", "-t", "0", "one"]));
    ok(await machine.run(["commit", "one", "made"]));
    const everything = [
      ok(await machine.run(["inspect", "one"])),
      ok(await machine.run(["inspect", "made"])),
      ok(await machine.run(["logs", "one"])),
      ok(await machine.run(["export", "one"])),
      ok(await machine.run(["save", "made"])),
      explained,
    ];
    for (const text of everything) expect(text).not.toContain("battery");
    const copies = holding(machine.root).map((path) => path.replace(/^.*\/containers\/[0-9a-f]{64}\//, ""));
    expect(copies.sort()).toEqual(["secrets/0", "secrets/1", "secrets/2", "secrets/3"]);
    const secrets = "{{range .Config.Secrets}}{{.Name}}:{{.Target}} {{end}}";
    expect(ok(await machine.run(["inspect", "-f", secrets, "one"]))).toBe(
      "password:/run/secrets/password password:/run/secrets/short password:/etc/app/key password:PASSWORD",
    );
    // A copy out of it, while it is down, has no secrets to show.
    ok(await machine.run(["cp", "one:/run", machine.file("tmp/run/")]));
    expect(holding(machine.tmp)).toEqual([]);
    ok(await machine.run(["rm", "one"]));
    expect(holding(machine.root)).toEqual([]);
    await machine.exec(["rm", "-rf", join(machine.tmp, "run")]);
    ok(await machine.run(["rmi", "made"]));
  });
});

test("a secret whose value is no file any more is damaged, and waited for by nobody", async () => {
  await withSecrets(async (machine) => {
    ok(await create(machine, "lost", value));
    const data = join(machine.root, "secrets/lost/data");
    rmSync(data);
    ok(await machine.exec(["mkfifo", data]));
    const run = ["run", "--rm", "--network", "none", "--secret"];
    for (const args of [
      [...run, "lost", "busybox", "true"],
      [...run, "lost,type=env,target=LOST", "busybox", "true"],
      ["secret", "inspect", "--showsecret", "lost"],
    ])
      expect(said(await machine.run(args))).toContain(`cannot read ${data}: it is a FIFO`);
    ok(await machine.run(["secret", "rm", "lost"]));
  });
});

test("what --secret can't do is refused, and leaves nothing", async () => {
  await withSecrets(async (machine) => {
    ok(await create(machine, "binary", "a\0b"));
    const refused: [string[], string][] = [
      [["--secret", "none"], "no such secret: none"],
      [["--secret", "../x"], "is not a valid secret name"],
      [["--secret", "binary,target=../x"], "target=../x is not a file name"],
      [["--secret", "binary,target=/proc/x"], "nothing can be mounted over /proc"],
      [["--secret", "binary,mode=9"], "mode=9 is not a valid mode"],
      [["--secret", "binary,uid=root"], "uid=root"],
      [["--secret", "binary,owner=1"], '"owner=1" is not a valid option'],
      [["--secret", "binary,type=env,mode=0400"], "mode is for files"],
      [["--secret", "binary,type=env"], "is not text"],
      [["--secret", "binary", "--secret", "binary"], "two things on /run/secrets/binary"],
      [["--secret", "binary", "--tmpfs", "/run/secrets"], "another mount is on /run/secrets"],
    ];
    for (const [options, message] of refused) {
      const result = await machine.run(["run", "--rm", "--network", "none", ...options, "busybox", "true"]);
      expect([options, result.code]).toEqual([options, 125]);
      expect(said(result)).toContain(message);
    }
    // Above it, a directory of memory.
    const above = ["--secret", "binary", "--tmpfs", "/run", "--network", "none"];
    expect((await machine.sh("wc -c </run/secrets/binary", above)).stdout).toBe("3\n");
    expect((await machine.sh("id -u; wc -c </run/secrets/binary", [...above, "-u", "1000"])).stdout).toBe("1000\n3\n");
    ok(await machine.run(["secret", "rm", "-a"]));
  });
});
