/* SPDX-License-Identifier: Apache-2.0
 *
 * core/cli: templates print what Go prints, and fail with Go's sentences.
 */
#include "test.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "cli/template.h"

static const char document[] =
    "{\"ID\":\"abc\",\"Names\":[\"x\",\"y\"],\"State\":{\"Running\":true,\"Pid\":42,"
    "\"Health\":null},\"Config\":{\"Labels\":{\"a\":\"b\",\"c\":\"d\"},\"Env\":null,"
    "\"Cmd\":[\"sh\",\"-c\",\"x y\"]},\"Size\":1.5,\"Big\":1e21,\"Empty\":\"\",\"Zero\":0,"
    "\"ApiVersion\":\"1.41\",\"Ports\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]},"
    "\"HostConfig\":{\"Binds\":null,\"PortBindings\":null,\"OomKillDisable\":null}}";

static bool label(struct json_object *row, const char *name, struct json_object *argument,
                  struct json_object **ret_value)
{
    (void)row;
    if (strcmp(name, "Label") != 0 || argument == NULL) {
        return false;
    }
    AUTO_FREE char *text = berth_format("<%s>", json_object_get_string(argument));
    *ret_value = json_object_new_string(text);
    return true;
}

/* What the template prints, or its error. */
static const char *run(const char *text, const char *type)
{
    static char result[1024];
    struct berth_template_source source = {.type = type, .method = label};
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    struct berth_template *template = NULL;
    berth_error err = BERTH_ERROR_INIT;
    struct json_object *data = json_tokener_parse(document);
    int32_t code = berth_template_parse(text, &template, &err);
    if (code == 0) {
        code = berth_template_execute(template, &source, data, &out, &err);
    }
    snprintf(result, sizeof(result), "%s", code != 0 ? err.msg : out.data != NULL ? out.data : "");
    berth_template_free(template);
    json_object_put(data);
    return result;
}

struct example {
    const char *template, *wanted;
};

static void check(const struct example *examples, size_t count, const char *type)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const char *got = run(examples[i].template, type);
        if (strcmp(got, examples[i].wanted) != 0) {
            print_error("%s\n  wanted: %s\n  got:    %s\n", examples[i].template,
                        examples[i].wanted, got);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void values_print_as_go_prints_them(void **state)
{
    static const struct example examples[] = {
        {"", ""},
        {"plain", "plain"},
        {"{{.ID}} {{.State.Pid}} {{.State.Running}}", "abc 42 true"},
        {"{{.Names}}", "[x y]"},
        {"{{.Config.Labels}}", "map[a:b c:d]"},
        {"{{.Size}} {{.Big}}", "1.5 1e+21"},
        {"{{.State.Health}} {{.Config.Env}}", "<nil> []"},
        {"{{.HostConfig.Binds}} {{.HostConfig.PortBindings}} {{.HostConfig.OomKillDisable}}",
         "[] map[] <nil>"},
        {"{{.Config.Labels.zz}}", "<no value>"},
        {"{{.APIVersion}} {{.Id}}", "1.41 abc"},
        {"{{json .Names}} {{json .Config.Env}}", "[\"x\",\"y\"] null"},
        {"{{\"a\\tb\"}} {{`raw\\n`}} {{'a'}} {{0x10}} {{-1}} {{1.5}} {{true}}",
         "a\tb raw\\n 97 16 -1 1.5 true"},
    };
    check(examples, ARRAY_SIZE(examples), NULL);
}

static void control_flow(void **state)
{
    static const struct example examples[] = {
        {"{{if .State.Running}}up{{else}}down{{end}}", "up"},
        {"{{if .Empty}}a{{else if .Zero}}b{{else}}c{{end}}", "c"},
        {"{{if not .Empty}}x{{end}}", "x"},
        {"{{range .Names}}<{{.}}>{{end}}", "<x><y>"},
        {"{{range $i, $n := .Names}}{{$i}}={{$n}};{{end}}", "0=x;1=y;"},
        {"{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}", "a=b;c=d;"},
        {"{{range .Config.Env}}x{{else}}none{{end}}", "none"},
        {"{{range .Names}}{{if eq . \"y\"}}{{break}}{{end}}{{.}}{{end}}", "x"},
        {"{{range .Names}}{{if eq . \"x\"}}{{continue}}{{end}}{{.}}{{end}}", "y"},
        {"{{with .State}}{{.Pid}}{{end}}{{with .Empty}}no{{else}}else{{end}}", "42else"},
        {"{{range $p, $b := .Ports}}{{$p}} -> {{(index $b 0).HostPort}}{{end}}", "80/tcp -> 8080"},
        {"{{$x := .ID}}{{$x}}{{$x = \"z\"}}{{$x}}{{with .State}}{{$.ID}}{{end}}", "abczabc"},
        {"a {{- .ID -}} b", "aabcb"},
        {"a {{/* comment */}}b", "a b"},
        {"{{- /* c */ -}} x", "x"},
    };
    check(examples, ARRAY_SIZE(examples), NULL);
}

static void functions(void **state)
{
    static const struct example examples[] = {
        {"{{join .Config.Cmd \"|\"}}", "sh|-c|x y"},
        {"{{split \"a,b\" \",\"}} {{len (split \"a,b,c\" \",\")}}", "[a b] 3"},
        {"{{upper .ID}} {{.ID | title}} {{lower \"ABC\"}}", "ABC Abc abc"},
        {"{{printf \"%5d|%-5s|%05d|%q|%v|%.1f%%\" 42 \"a\" 7 \"q\" .Names 2.55}}",
         "   42|a    |00007|\"q\"|[x y]|2.5%"},
        {"{{.State.Pid | printf \"%05d\"}} {{printf \"%s\"}}", "00042 %!s(MISSING)"},
        {"{{index .Config.Labels \"a\"}}{{index .Names 1}}{{index .Config.Labels \"q\"}}", "by"},
        {"{{len .Names}} {{len .ID}} {{len .Config.Env}}", "2 3 0"},
        {"{{eq .ID \"x\" \"abc\"}} {{ne 1 2}} {{lt 1 2}} {{ge 2 3}} {{gt \"b\" \"a\"}}",
         "true true true false true"},
        {"{{and .ID .Empty}}|{{or .Empty .ID}}|{{and .ID .State.Pid}}", "|abc|42"},
        {"{{slice .ID 1}} {{slice .ID 0 2}}", "bc ab"},
        {"{{println .ID 1}}{{print 1 2 \"a\"}}", "abc 1\n1 2a"},
        {"{{html \"<a>\"}} {{urlquery \"a b&\"}} {{truncate \"abcdef\" 3}} {{pad \"x\" 1 2}}|",
         "&lt;a&gt; a+b%26 abc  x  |"},
        {"{{.Label \"k\"}}", "<k>"},
    };
    check(examples, ARRAY_SIZE(examples), NULL);
}

static void errors_are_gos(void **state)
{
    static const struct example inspect[] = {
        {"{{.ID", "template: :1: unclosed action"},
        {"{{\"abc}}", "template: :1: unterminated quoted string"},
        {"{{if}}x", "template: :1: missing value for if"},
        {"{{end}}", "template: :1: unexpected {{end}}"},
        {"{{range .Names}}", "template: :1: unexpected EOF"},
        {"{{foo}}", "template: :1: function \"foo\" not defined"},
        {"{{$x}}", "template: :1: undefined variable \"$x\""},
        {"{{break}}", "template: :1: {{break}} outside {{range}}"},
        {"{{.Foo}}", "template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\""},
        {"\n{{.State.Foo}}",
         "template: :2:2: executing \"\" at <.State.Foo>: map has no entry for key \"Foo\""},
        {"{{.ID.X}}",
         "template: :1:2: executing \"\" at <.ID.X>: can't evaluate field X in type string"},
        {"{{eq 1 \"a\"}}", "template: :1:2: executing \"\" at <eq 1 \"a\">: error calling eq: "
                           "incompatible types for comparison"},
    };
    static const struct example rows[] = {
        {"{{.Foo}}", "template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type "
                     "*formatter.ContainerContext"},
    };
    check(inspect, ARRAY_SIZE(inspect), NULL);
    check(rows, ARRAY_SIZE(rows), "*formatter.ContainerContext");
}

static void nesting_has_a_limit(void **state)
{
    AUTO_BUFFER struct berth_buffer text = BERTH_BUFFER_INIT;
    for (int i = 0; i < 10000; i++) {
        berth_buffer_add(&text, "{{if 1}}");
    }
    assert_non_null(strstr(run(text.data, NULL), "nested too deep"));
    berth_buffer_clear(&text);
    berth_buffer_add(&text, "{{");
    for (int i = 0; i < 10000; i++) {
        berth_buffer_add(&text, "(");
    }
    assert_non_null(strstr(run(text.data, NULL), "nested too deep"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_print_as_go_prints_them),
        cmocka_unit_test(control_flow),
        cmocka_unit_test(functions),
        cmocka_unit_test(errors_are_gos),
        cmocka_unit_test(nesting_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
