/* SPDX-License-Identifier: Apache-2.0
 *
 * core/cli: the flags of run become the body that the stock docker CLI (28.2.2) sends, or its
 * sentence. run_facts.json was recorded from that CLI: [arguments, body without what is empty or
 * the default | sentence].
 */
#include "test.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/run_flags.h"

static char folder[] = "/tmp/berth-run-body-XXXXXX";

/* Members whose keys and values are the user's, so nothing in them is a default. */
static bool is_map(const char *name)
{
    static const char *const names[] = {"Volumes", "ExposedPorts", "Tmpfs",      "Labels",
                                        "Config",  "Annotations",  "StorageOpt", "Sysctls",
                                        "Options", "DriverOpts"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_empty(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return true;
    case json_type_boolean:
        return !json_object_get_boolean(value);
    case json_type_int:
        return json_object_get_int64(value) == 0;
    case json_type_string:
        return json_object_get_string_len(value) == 0;
    case json_type_array:
        return json_object_array_length(value) == 0;
    case json_type_object:
        return json_object_object_length(value) == 0;
    case json_type_double:
    default:
        return false;
    }
}

/* A copy without empty members. The caller's. */
static struct json_object *clean(struct json_object *value, const char *name)
{
    if (json_object_is_type(value, json_type_array)) {
        struct json_object *copy = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            json_object_array_add(copy, clean(json_object_array_get_idx(value, i), ""));
        }
        return copy;
    }
    if (!json_object_is_type(value, json_type_object) || is_map(name)) {
        return json_object_get(value);
    }
    struct json_object *copy = json_object_new_object();
    json_object_object_foreach(value, key, member)
    {
        struct json_object *cleaned = clean(member, key);
        if (is_empty(cleaned)) {
            json_object_put(cleaned);
        } else {
            json_object_object_add(copy, key, cleaned);
        }
    }
    return copy;
}

/* The form that the facts are in. */
static struct json_object *shorten(struct json_object *body)
{
    struct json_object *result = clean(body, "");
    struct json_object *host = berth_json_member(result, "HostConfig");
    json_object_object_del(result, "Image");
    static const char *const streams[] = {"AttachStdout", "AttachStderr"};
    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        if (berth_json_bool(result, streams[i])) {
            json_object_object_del(result, streams[i]);
        } else {
            json_object_object_add(result, streams[i], json_object_new_boolean(false));
        }
    }
    if (strcmp(berth_json_string(host, "NetworkMode"), "default") == 0) {
        json_object_object_del(host, "NetworkMode");
    }
    if (host != NULL && json_object_object_length(host) == 0) {
        json_object_object_del(result, "HostConfig");
    }
    return result;
}

/* @CWD@ stands for the working directory in the facts. */
static char *replace_folder(const char *text)
{
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    const char *at = NULL;
    while ((at = strstr(text, "@CWD@")) != NULL) {
        berth_buffer_append(&out, text, (size_t)(at - text));
        berth_buffer_add(&out, folder);
        text = at + strlen("@CWD@");
    }
    berth_buffer_add(&out, text);
    return berth_buffer_take(&out);
}

/* Parses and builds as `create` does. */
static int32_t build(int argc, char **argv, struct json_object **ret_body, berth_error *err)
{
    struct berth_cli cli = {.program = "docker", .command = &berth_command_create, .args = argv};
    struct berth_flags_parse parse = {.stop_at_argument = true};
    assert_true(berth_flags_init(&cli.flags, cli.command));
    int32_t code = berth_flags_parse(&cli.flags, argc, argv, &parse, err);
    cli.arg_count = parse.ret_args;
    if (code == 0) {
        assert_true(cli.arg_count >= 1);
        code = berth_run_body(&cli, ret_body, err);
    }
    berth_flags_done(&cli.flags);
    return code;
}

static int check(struct json_object *fact)
{
    struct json_object *arguments = json_object_array_get_idx(fact, 0);
    struct json_object *wanted = json_object_array_get_idx(fact, 1);
    AUTO_STRV struct berth_strv words = {0};
    struct json_object *body = NULL, *expected = NULL;
    berth_error err = BERTH_ERROR_INIT;
    for (size_t i = 0; i < json_object_array_length(arguments); i++) {
        const char *word = json_object_get_string(json_object_array_get_idx(arguments, i));
        assert_true(berth_strv_take(&words, replace_folder(word)));
    }
    AUTO_FREE char **argv = calloc(words.count + 1, sizeof(*argv)); /* parsing reorders it */
    memcpy(argv, words.items, words.count * sizeof(*argv));
    int32_t code = build((int)words.count, argv, &body, &err);
    AUTO_FREE char *line = berth_strv_join(&words, " ");
    AUTO_FREE char *text = replace_folder(json_object_get_string(wanted));
    if (json_object_is_type(wanted, json_type_string)) {
        bool same = code != 0 && strcmp(err.msg, text) == 0;
        if (!same) {
            print_error("%s\n  wanted: %s\n  got:    %s\n", line, text,
                        code != 0 ? err.msg : "a body");
        }
        json_object_put(body);
        return !same;
    }
    if (code != 0) {
        print_error("%s\n  wanted: %s\n  got:    %s\n", line, text, err.msg);
        return 1;
    }
    expected = json_tokener_parse(text);
    struct json_object *got = shorten(body);
    bool same = json_object_equal(expected, got);
    if (!same) {
        print_error("%s\n  wanted: %s\n  got:    %s\n", line, text,
                    json_object_to_json_string(got));
    }
    json_object_put(got);
    json_object_put(expected);
    json_object_put(body);
    return !same;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void bodies_are_those_of_the_docker_cli(void **state)
{
    struct json_object *facts = json_object_from_file(FACTS);
    int wrong = 0;
    assert_non_null(facts);
    assert_true(json_object_array_length(facts) > 100);
    setenv("FOO", "bar", 1);
    setenv("HOME", "/root", 1);
    unsetenv("NOSUCH");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("f", 0700), 0);
    write_file("f/env", "A=1\n# c\nHOME\nB= x y\n");
    write_file("f/labels", "l1=v\nl2\n");
    write_file("f/sec.json", "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}");
    for (size_t i = 0; i < json_object_array_length(facts); i++) {
        wrong += check(json_object_array_get_idx(facts, i));
    }
    unlink("f/env");
    unlink("f/labels");
    unlink("f/sec.json");
    rmdir("f");
    assert_int_equal(chdir("/"), 0);
    rmdir(folder);
    json_object_put(facts);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bodies_are_those_of_the_docker_cli)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
