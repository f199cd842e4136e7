import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { quote, unquote } from "../../../src/cli/words/template/literal.ts";
import { TemplateError } from "../../../src/cli/words/template/tree.ts";
import { toJson } from "../../../src/cli/words/template/value.ts";
import { compile } from "../../../src/cli/words/template.ts";
import { explain } from "../../../src/errors.ts";
import { listOrNone, listOrNull, mapOrNone, mapOrNull } from "../../../src/nil.ts";

const image = {
  ID: "4f2a",
  Tags: ["a:1", "b:2"],
  Labels: new Map([
    ["z", "last"],
    ["a", "first"],
  ]),
  Config: { Env: null, Cmd: ["/bin/sh"] },
  Size: () => "4.2MB",
  Label: (name: string) => (name === "a" ? "first" : ""),
};
const print = (template: string, data: unknown = image) => compile(template)(data, { type: "image" });

function refusal(template: string, data: unknown = image): string {
  try {
    print(template, data);
  } catch (error) {
    expect(error).toBeInstanceOf(TemplateError);
    const { text, hint } = explain(error);
    return hint ? `${text}; ${hint}` : text;
  }
  throw new Error(`accepted: ${template}`);
}

describe("compile()", () => {
  test("prints fields, fields worked out when asked for, methods with arguments, and elements", () => {
    expect(print("{{.ID}} {{.Size}} {{index .Tags 1}} {{.Config.Cmd}}")).toBe("4f2a 4.2MB b:2 [/bin/sh]");
    expect(print('{{.Label "a"}}|{{"a" | .Label}}|{{.Label "b"}}|{{len (.Label "a")}}')).toBe("first|first||5");
  });
  test("a key that a map does not have is no value, one asked for by index is empty", () => {
    expect(print('{{.Labels.nope}} [{{index .Labels "nope"}}] {{.Labels.a}}')).toBe("<no value> [] first");
  });
  test("a field that a struct has and that is nothing is Go's nil, and text is empty", () => {
    const state = { Status: "running", Health: undefined, StopSignal: undefined };
    expect(print("{{.Health}}|{{json .Health}}|{{.StopSignal}}|{{.}}", state)).toBe(
      "<nil>|null||{running <nil> <nil>}",
    );
    expect(print("{{with .Health}}{{.Status}}{{else}}none{{end}}", state)).toBe("none");
    expect(refusal("{{.Health.Status}}", state)).toContain("nil pointer evaluating interface {}.Status");
  });
  test("maps are gone through by their sorted keys", () => {
    expect(print("{{range $key, $value := .Labels}}{{$key}}={{$value}} {{end}}")).toBe("a=first z=last ");
    expect(print("{{.Labels}} {{json .Labels}}")).toBe('map[a:first z:last] {"a":"first","z":"last"}');
  });
  test("a field that a struct does not have is an error that names the fields there are", () => {
    expect(refusal("{{.Nmae}}")).toBe(
      'template parsing error: template: :1:2: executing "" at <.Nmae>: can\'t evaluate field Nmae in type image; the fields are: ID, Tags, Labels, Config, Size, Label',
    );
    expect(refusal("a\n{{.Config.Nope}}")).toContain("template: :2:9: executing");
    expect(refusal("{{.Config.Env.Nope}}")).toContain("nil pointer evaluating interface {}.Nope");
    expect(refusal("{{.Label}}")).toContain("wrong number of args for Label: want 1 got 0");
  });
  test("what every object of JavaScript has by nature is no field", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty", "prototype"]) {
      expect(refusal(`{{.${name}}}`)).toContain(`can't evaluate field ${name}`);
      expect(refusal(`{{.Tags.${name}}}`)).toContain(`can't evaluate field ${name}`);
      expect(refusal(`{{.Size.${name}}}`)).toContain(`can't evaluate field ${name}`);
      expect(print(`{{.Labels.${name}}} {{index .Config "${name}"}}`)).toBe("<no value> <no value>");
      expect(refusal(`{{${name} .}}`)).toContain(`function "${name}" not defined`);
    }
  });
  test("takes Go's names of fields beside those of JSON, and no name for what is not there", () => {
    const data = { Id: "1", HostConfig: { CpuShares: 2, Dns: ["a"] }, Both: { ID: "go", Id: "json" } };
    const show = (text: string) => compile(text)(data, { type: "x" });
    expect(show("{{.ID}}{{.HostConfig.CPUShares}}{{.HostConfig.Resources.CpuShares}}{{.ContainerJSONBase.Id}}")).toBe(
      "1221",
    );
    expect(show("{{index .HostConfig.DNS 0}} {{.Both.ID}}")).toBe("a go");
    for (const text of ["{{.Resources}}", "{{.HostConfig.ID}}", "{{.NanoCPUs}}"]) {
      expect(() => show(text)).toThrow("can't evaluate field");
    }
  });
  test("names the line of a mistake", () => {
    expect(refusal("{{.ID}}\n\n{{foo}}")).toBe('template parsing error: template: :3: function "foo" not defined');
  });
  test("templates have names: define, template and block", () => {
    expect(print('{{define "x"}}<{{.}}>{{end}}{{template "x" .ID}}{{range .Tags}}{{template "x" .}}{{end}}')).toBe(
      "<4f2a><a:1><b:2>",
    );
    expect(
      print('{{template "late" .}}{{define "late"}}{{with .Config}}{{index .Cmd 0}} of {{$.ID}}{{end}}{{end}}'),
    ).toBe("/bin/sh of 4f2a");
    expect(print('{{range .Tags}}{{block "tag" .}}[{{.}}]{{end}}{{end}}{{template "tag" 1}}')).toBe("[a:1][b:2][1]");
    expect(print('{{define "x"}}[{{.}} {{.ID}}]{{end}}{{template "x"}}')).toBe("[<no value> <no value>]");
    expect(print('{{$v := 1}}{{define "x"}}{{$v := 2}}{{end}}{{template "x" .}}{{$v}}')).toBe("1");
    expect(print('{{define "x"}}one{{end}}{{define "x"}} {{end}}{{template "x"}}')).toBe("one");
    expect(
      print('{{define "n"}}{{if .}}{{len .}}{{template "n" (slice . 1)}}{{end}}{{end}}{{template "n" "abc"}}'),
    ).toBe("321");
    const refused: [template: string, message: string][] = [
      ['{{template "no" .}}', ':1:2: executing "" at <{{template "no" .}}>: template "no" not defined'],
      ['{{define "x"}}{{.No}}{{end}}{{template "x" .}}', 'executing "x" at <.No>: can\'t evaluate field No'],
      ['{{define "x"}}{{template "x"}}{{end}}{{template "x"}}', "exceeded maximum template depth"],
      ['{{define "x"}}1{{end}}{{define "x"}}2{{end}}', 'multiple definition of template "x"'],
      ['{{if 1}}{{define "x"}}{{end}}{{end}}', "unexpected <define> in command"],
      ["{{define x}}{{end}}", 'unexpected "x" in define clause'],
      ["{{template}}", 'unexpected "}}" in template clause'],
      ['{{define "x"}}', "unexpected EOF"],
      ['{{define "x"}}{{else}}{{end}}', "unexpected {{else}} in define clause"],
      ['{{block "x"}}{{end}}', "missing value for block clause"],
      ['{{range .Tags}}{{block "x" .}}{{break}}{{end}}{{end}}', "{{break}} outside {{range}}"],
      ['{{$v := 1}}{{define "x"}}{{$v}}{{end}}', 'undefined variable "$v"'],
    ];
    for (const [template, message] of refused) expect(refusal(template)).toContain(message);
  });
  test("what strangers wrote is shown as `show` says, the template's own words are not touched", () => {
    const data = { ID: "\x1b[2J", Labels: new Map([["a", "\x07"]]) };
    const show = (text: string) => text.replace(/[\x00-\x08\x0b-\x1f]/g, "?");
    expect(compile('{{"\\x1b"}}\x1b{{.ID}}{{"\\t"}}{{.Labels}}')(data, { type: "x", show })).toBe(
      "\x1b\x1b?[2J\tmap[a:?]",
    );
  });
  test("a template made to exhaust us is refused", () => {
    const deep = 10_000;
    expect(refusal(`${"{{if 1}}".repeat(deep)}${"{{end}}".repeat(deep)}`)).toContain("nested deeper than 100 levels");
    expect(refusal(`{{${"(".repeat(deep)}1${")".repeat(deep)}}}`)).toContain("nested deeper than 100 levels");
    expect(refusal("{{if 0}}x".concat("{{else if 0}}x".repeat(deep), "{{end}}"))).toContain("nested deeper");
    expect(refusal('{{range 1000000}}{{printf "%9999d" 1}}{{end}}')).toContain("larger than 64 MB");
    expect(refusal("{{range 1000000000}}x{{end}}")).toContain("range can't iterate over");
  });
  test("text without braces is printed as it is", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }).filter((text) => !text.includes("{{")),
        (text) => {
          expect(print(text)).toBe(text);
        },
      ),
    );
  });
  test("whatever is written is a result or a TemplateError", () => {
    const words = fc.constantFrom(
      ...'{{|}}|{{-|-}}|.ID|.Tags|.Labels|.Config|.|$|$x|$x :=|=|,|||(|)|if|else|end|range|with|break|nil|true|1|-1|1.5|0x|\'a\'|"a"|`b`|"%v %d %q"|json|index|printf|join|split|slice|len|eq|lt|and|or|not|print|println|upper|pad|truncate|/*|*/| |\n|é|\x1b|!'.split(
        "|",
      ),
    );
    const template = fc.array(fc.oneof({ weight: 9, arbitrary: words }, fc.string()), { maxLength: 25 });
    fc.assert(
      fc.property(template, fc.constantFrom("", " "), (parts, between) => {
        try {
          expect(print(parts.join(between))).toBeString();
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }),
      { numRuns: 3000 },
    );
  });
  test("whatever is put into one action is a result or a TemplateError", () => {
    const operand = fc.constantFrom(
      ".ID",
      ".Tags",
      ".Labels",
      ".Config",
      ".Size",
      ".Label",
      "nil",
      "-1",
      "99",
      '"a"',
      "(len .Tags)",
    );
    const name = fc.constantFrom(
      ..."json index printf join split slice len eq ne lt ge and or not print println upper title pad truncate".split(
        " ",
      ),
    );
    fc.assert(
      fc.property(name, fc.array(operand, { maxLength: 4 }), fc.option(name), (first, operands, second) => {
        try {
          expect(print(`{{${first} ${operands.join(" ")}${second ? ` | ${second}` : ""}}}`)).toBeString();
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("literals", () => {
  test("what was quoted reads back as it was, and has no control character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(quote(text)).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
        expect(unquote(quote(text))).toBe(text);
        expect(print(`{{${quote(text)}}}`)).toBe(text);
      }),
    );
  });
});

describe("lists and maps that Go does not have", () => {
  const data = { a: listOrNull([]), b: mapOrNull(), c: listOrNone([]), d: mapOrNone(), e: listOrNull([1]) };
  const show = (text: string) => compile(text)(data, { type: "x" });
  test("are empty in templates", () => {
    for (const name of ["a", "b", "c", "d"])
      expect(show(`{{len .${name}}}{{range .${name}}}x{{end}}{{if .${name}}}x{{end}}`)).toBe("0");
    expect(show("{{.a}}{{.b}}{{.e}}")).toBe("[]map[][1]");
    expect(show("{{.d.key}}")).toBe("<no value>");
  });
  test("are null in JSON, or left out", () => {
    expect(show("{{json .}}")).toBe('{"a":null,"b":null,"e":[1]}');
    expect(show("{{json .a}} {{json .c}}")).toBe("null null");
  });
});

describe("json", () => {
  test("is JSON, whatever the names, and shows no control character", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (record) => {
        const map = new Map(Object.entries(record));
        const text = toJson(map);
        expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(Object.fromEntries(map))));
      }),
    );
  });
  test("has fields in their order, those worked out too, and no methods", () => {
    expect(print("{{json .}}")).toBe(
      '{"ID":"4f2a","Tags":["a:1","b:2"],"Labels":{"a":"first","z":"last"},"Config":{"Env":null,"Cmd":["/bin/sh"]},"Size":"4.2MB"}',
    );
  });
});
