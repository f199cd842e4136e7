import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { InvalidError } from "../../src/errors.ts";
import { formatReference, normaliseReference, parseReference, referenceOfFile } from "../../src/image/reference.ts";

const hex = "0123456789abcdef".repeat(4);

describe("parseReference()", () => {
  const same: Record<string, string> = {
    busybox: "busybox:latest",
    "busybox:1.36": "busybox:1.36",
    "docker.io/library/busybox": "busybox:latest",
    "index.docker.io/library/busybox:1": "busybox:1",
    "docker.io/busybox": "busybox:latest",
    "library/busybox": "busybox:latest",
    "docker.io/user/app": "user/app:latest",
    "localhost/app:v1": "localhost/app:v1",
    "localhost:5000/app": "localhost:5000/app:latest",
    "host.example:5000/deep/path/app:tag": "host.example:5000/deep/path/app:tag",
    [`app@sha256:${hex}`]: `app@sha256:${hex}`,
    [`app:1@sha256:${hex}`]: `app:1@sha256:${hex}`,
    "docker.io/localhost/app": "docker.io/localhost/app:latest",
    "[::1]:5000/app": "[::1]:5000/app:latest",
  };
  for (const [given, canonical] of Object.entries(same))
    test(`reads ${given.slice(0, 40)} as ${canonical.slice(0, 40)}`, () => {
      expect(normaliseReference(given)).toBe(canonical);
    });

  const wrong = [
    "",
    "Busybox",
    "a//b",
    "/a",
    "a/",
    "a:",
    ":tag",
    "a:b:c",
    "a b",
    "a\nb",
    "a\0b",
    "../etc",
    "a/../b",
    "-a",
    "a-",
    "a___b",
    "a@sha256:123",
    "a@md5:abc",
    `a:${"t".repeat(129)}`,
    hex,
    "é",
    "a".repeat(300),
    "host:port/app",
    "a:.tag",
  ];
  for (const text of wrong)
    test(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      expect(() => parseReference(text)).toThrow(InvalidError);
    });

  test("gives back what it formatted, and never a name with a slash in the store", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,6}([._-][a-z0-9]{1,4})?$/);
    const host = fc.constantFrom("", "docker.io/", "localhost/", "host.example:5000/", "index.docker.io/library/");
    const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: undefined });
    fc.assert(
      fc.property(host, fc.array(part, { minLength: 1, maxLength: 4 }), tag, (prefix, parts, label) => {
        const once = normaliseReference(`${prefix}${parts.join("/")}${label === undefined ? "" : `:${label}`}`);
        expect(normaliseReference(once)).toBe(once);
        expect(encodeURIComponent(once)).not.toContain("/");
      }),
    );
  });

  test("answers any text with a reference or InvalidError", () => {
    const texts = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."aB0:/@._-\0 [") }));
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const canonical = formatReference(parseReference(text));
          expect(normaliseReference(canonical)).toBe(canonical);
        } catch (error) {
          if (!(error instanceof InvalidError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a path", () => {
  for (const path of ["../../x:1", "./x", "/x/y"])
    test(`${path} is said to be no name`, () => {
      expect(() => parseReference(path)).toThrow("it is a path, not a name");
    });
});

describe("referenceOfFile()", () => {
  const names: Record<string, string> = {
    "busybox.tar": "busybox:latest",
    "/tmp/My_Image.tar.gz": "my_image:latest",
    "./Debian 12 (slim).tgz": "debian-12--slim:latest",
    "app-1.2.tar.zst": "app-1.2:latest",
    "a__b---c..d.tar": "a__b---c-d:latest",
    "layout/": "layout:latest",
    ".tar": "image:latest",
    "日本.tar": "image:latest",
    "-x-.tar.xz": "x:latest",
    "sha256.tar": "image-sha256:latest",
  };
  for (const [file, reference] of Object.entries(names))
    test(`calls ${file} ${reference}`, () => {
      expect(referenceOfFile(file)).toBe(reference);
    });

  test("makes a valid reference of any file name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (file) => {
        const reference = referenceOfFile(file);
        expect(normaliseReference(reference)).toBe(reference);
      }),
      { numRuns: 2000 },
    );
  });
});
