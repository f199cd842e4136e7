/** Templates mean what they mean to Docker: its own command line, which needs no daemon for this, answers the same. */

import { expect } from "bun:test";
import { compile } from "../../src/cli/words/template.ts";
import { runProgram } from "../support/cli.ts";
import { needing, tool } from "../support/needs.ts";

const test = needing(tool("docker"));

/** What `docker context inspect default` describes. */
const context = {
  Name: "default",
  Metadata: {},
  Endpoints: new Map([["docker", { Host: "unix:///var/run/docker.sock", SkipTLSVerify: false }]]),
  TLSMaterial: new Map(),
  Storage: { MetadataPath: "<IN MEMORY>", TLSPath: "<IN MEMORY>" },
};

const templates = {
  fields: `
{{.Name}}
{{.Foo}}
{{.Storage.MetadataPath}}
{{(.Name)}} {{(upper .Name) | len}} {{(index .Endpoints "docker").Host}}
{{.Endpoints.docker.Host}} {{.Endpoints.nope}}
{{$.Name}} {{with .Name}}{{$.Storage.TLSPath}}{{end}}
{{. | json}}
{{.Name.Foo}}
{{.Name.Foo.Bar}}
{{.Name "x"}}
{{"x" | .Name}}
  {{.Foo}}
é{{.Foo}}
{{printf "%v" .Storage}}`,
  blocks: `
{{if .Name}}
{{if}}{{end}}
{{if .Name}}a{{else}}b{{else}}c{{end}}
{{if eq .Name "x"}}a{{else if eq .Name "default"}}b{{else}}c{{end}}
{{with .Name}}<{{.}}>{{end}}
{{with .Nope}}x{{end}}
{{with index .Endpoints "x"}}yes{{else}}no{{end}}
{{with $x := .Name}}{{$x}}{{end}}{{$x}}
{{$x := 1}}{{$x}}{{$x = 2}}{{$x}}
{{$y}}
{{range $k, $v := .Endpoints}}{{$k}}={{$v.Host}} {{$v}}{{end}}
{{range $v := .Endpoints}}{{$v.Host}}{{end}}
{{range .Endpoints}}{{.Host}},{{.SkipTLSVerify}}{{end}}
{{range .TLSMaterial}}x{{else}}empty{{end}}
{{range 3}}{{.}},{{end}}
{{range $i := 3}}{{$i}},{{end}}
{{range $i, $c := split "a,b,c" ","}}{{$i}}{{$c}};{{end}}
{{range split "a,b,c" ","}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}
{{range split "a,b,c" ","}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}
{{break}}
{{range 1.5}}{{.}}{{end}}
{{range .}}
{{range .Storage}}{{end}}
{{if true}}a{{end}}{{if false}}b{{end}}{{if 0.0}}c{{end}}{{if .Storage}}s{{end}}{{if .TLSMaterial}}t{{end}}
{{if $x := .Name}}{{$x}}{{end}}
{{with .Name}}a{{else with .Storage}}b{{end}}
{{with ""}}a{{else with .Name}}{{.}}{{end}}
{{if .Name -}}  x  {{- end}}|
{{/* a comment */}}x{{- /* b */ -}} y
a {{- .Name -}} b
a {{-3}} {{- 3 -}} b
{{$x := "a"}}{{if true}}{{$x = "b"}}{{$y := 1}}{{end}}{{$x}}
{{if true}}{{$y := 1}}{{end}}{{$y}}`,
  mistakes: String.raw`
{{.Name
{{foo}}
{{end}}
{{else}}
{{.Name | 5}}
{{.Name | }}
{{|}}
{{}}
{{.Name | nil}}
{{nil}}
{{/* unclosed}}
{{/* a */ x}}
{{"unclosed}}
{{"\q"}}
{{1a}}
{{.Name!}}
{{!}}
{{#}}
{{(.Name}}
{{.Name)}}
{{()}}
{{"a" "b"}}
{{1 2}}
{{.Name.}}
{{$x := 1 2}}
{{range $a, $b, $c := .Endpoints}}{{end}}
{{$a, $b := .Name}}
{{ - 3}}
{{'ab'}}
{{.Name}}}}
}} {{"{{"}}`,
  functions: String.raw`
{{json .}}
{{json .Endpoints}}
{{json "<a>&é\n"}}
{{json 1.5}} {{json true}}
{{upper .Name}} {{title "hello wORLD it's x-y z_a"}} {{lower "ÄB"}}
{{join (split "a,b" ",") "-"}}
{{split "abc" ""}}
{{pad "x" 2 3}}|{{pad "" 2 3}}|
{{truncate "abcdef" 3}}{{truncate "ab" 3}}
{{println "a" 1 "b"}}x
{{html "<a href='x'>&\"</a>" 1 2}}
{{js "it's <b>\"&=\\ \t\u00a0é" 1}}
{{urlquery "a b&ü!~*'()/" 1}}
{{print "a" 1 2 "b" 3}}
{{print 1 2}}
{{len .Name}} {{len .Endpoints}} {{len "é"}}
{{len 5}}
{{index .Endpoints "x"}}
{{index .Endpoints "docker" }}
{{index .Name 99}}
{{index .Name 0}}
{{index .Name "x"}}
{{index (split "a b" " ") 1}}
{{index (split "a b" " ") -1}}
{{slice .Name 1 3}} {{slice .Name 3}}
{{slice .Name 5 3}}
{{slice .Name 1 99}}
{{eq .Name "default"}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt "b" "a"}} {{ge 1 2}}
{{eq 1 2 3 1}}
{{eq 1 "a"}}
{{lt 1 "a"}}
{{lt true false}}
{{eq 1}}
{{and 1 0}} {{and 1 2}} {{or 0 "x"}} {{or 0 ""}} {{not 1}} {{not ""}}
{{and}}
{{and false (index .Name 99)}}
{{.Name | upper | printf "%s-%s" "a"}}
{{upper}}
{{upper "a" "b"}}
{{json}}
{{truncate "x" 0}}|
{{not}}`,
  literals: String.raw`
{{"a\tb\x41\u00e9\101"}}
{{'a'}} {{'\n'}}
{{0x1f}} {{017}} {{1_000}} {{1e3}} {{0b11}} {{1.50}} {{-5}} {{+5}} {{0o17}}
{{true}} {{false}} {{not true}}
{{ "a b" }}{{	"tab"	}}`,
  printf: String.raw`
{{printf "%d %5d|%-5d|%05d|%x|%X|%o|%b|%c|%U|%+d" 42 42 42 -42 255 255 8 5 65 65 7}}
{{printf "%s|%10s|%-10s|%.2s|%q|%x|%v" "ab" "ab" "ab" "abcd" "a\tb\"é" "hi" "v"}}
{{printf "%t %v %T %T %T" true false true 1 "x"}}
{{printf "%d" .Name}}
{{printf "%s" 5}}
{{printf "%d"}}
{{printf "%d" 1 2}}
{{printf "%d %" 1}}
{{printf "%%"}}
{{printf "%z" 1}}
{{printf "%f %.2f %e %g %8.3f|%-8.2f|" 1.5 2.345 12345.678 0.00001 3.14159 2.5}}
{{printf "%v %v %v %v" 1e21 1e22 0.0001 0.00001}}
{{printf "%*d" 5 42}}
{{printf "%v %s" (split "a b" " ") (split "a b" " ")}}
{{printf "%q" (split "a b" " ")}}
{{printf}}
{{printf "%6.2f|%06.1f|%+.1e" 3.14159 2.5 12345.0}}
{{printf "%3c|%-3c|" 65 66}}
{{printf "%08.3s|" "abcdef"}}
{{printf "%-08d|" 5}}
{{printf "% d|%#x|%#o" 5 255 8}}`,
};

for (const [topic, lines] of Object.entries(templates)) {
  test(`docker answers as we do: ${topic}`, async () => {
    for (const line of lines.split("\n").filter(Boolean)) {
      const result = await runProgram(["docker", "context", "inspect", "--format", line, "default"]);
      expect([line, answer(line)]).toEqual([line, (result.stdout + result.stderr).trim()]);
    }
  });
}

/** What the template makes of the context, or what it is refused with. */
function answer(template: string): string {
  try {
    return compile(template)(context, { type: "context.contextWithTLSListing" }).trim();
  } catch (error) {
    return (error as Error).message;
  }
}
