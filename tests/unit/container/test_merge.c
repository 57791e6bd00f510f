/* SPDX-License-Identifier: Apache-2.0
 *
 * What a create request takes from its image.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container/create.h"

static struct berth_container_config parse(const char *text)
{
    struct berth_container_config config;
    berth_error error = BERTH_ERROR_INIT;
    berth_json_init(&berth_container_config_table, &config);
    assert_int_equal(
        berth_json_read_text(&berth_container_config_table, text, strlen(text), &config, &error),
        0);
    return config;
}

static const char image_text[] =
    "{\"Env\":[\"PATH=/bin\",\"A=1\"],\"Cmd\":[\"-c\",\"x\"],\"Entrypoint\":[\"/bin/sh\"],"
    "\"Labels\":{\"a\":\"1\",\"b\":\"2\"},\"ExposedPorts\":{\"80/tcp\":{}},\"Volumes\":{\"/"
    "data\":{}},"
    "\"WorkingDir\":\"/srv\",\"User\":\"app\",\"StopSignal\":\"SIGINT\","
    "\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"],\"Interval\":5000000000}}";

/* Path and arguments that come out of a request and the image above, joined with "|". */
static char *command_of(const char *request)
{
    struct berth_container_config config = parse(request), image = parse(image_text);
    berth_error error = BERTH_ERROR_INIT;
    struct berth_strv args = {0};
    char *path = NULL;
    assert_int_equal(container_config_merge(&config, &image, &error), 0);
    char *joined = NULL;
    if (container_command(&config, &path, &args, &error) == 0) {
        char *rest = berth_strv_join(&args, "|");
        joined = berth_format("%s|%s", path, rest != NULL ? rest : "");
        free(rest);
    }
    free(path);
    berth_strv_done(&args);
    berth_json_done(&berth_container_config_table, &config);
    berth_json_done(&berth_container_config_table, &image);
    return joined;
}

static void test_command(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "/bin/sh|-c|x"},
        {"{\"Cmd\":[\"ls\"]}", "/bin/sh|ls"},
        {"{\"Entrypoint\":[\"/e\"]}", "/e|"},
        {"{\"Entrypoint\":[\"/e\"],\"Cmd\":[\"a\"]}", "/e|a"},
        {"{\"Entrypoint\":[],\"Cmd\":[\"a\",\"b\"]}", "a|b"},
        {"{\"Entrypoint\":[\"\"],\"Cmd\":[\"a\"]}", "a|"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *joined = command_of(cases[i][0]);
        assert_non_null(joined);
        assert_string_equal(joined, cases[i][1]);
        free(joined);
    }
    assert_null(command_of("{\"Entrypoint\":[\"\"]}"));
}

static void test_rest(void **state)
{
    struct berth_container_config image = parse(image_text),
                                  config =
                                      parse("{\"Env\":[\"A=2\",\"B\"],\"Labels\":{\"a\":\"9\"},"
                                            "\"ExposedPorts\":{\"81/tcp\":{}},\"User\":\"me\","
                                            "\"Healthcheck\":{\"Timeout\":7000000}}");
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(container_config_merge(&config, &image, &error), 0);
    assert_int_equal(config.env.count, 3);
    assert_string_equal(config.env.items[0], "A=2");
    assert_string_equal(config.env.items[2], "PATH=/bin");
    assert_string_equal(berth_strmap_get(&config.labels, "a"), "9");
    assert_string_equal(berth_strmap_get(&config.labels, "b"), "2");
    assert_int_equal(config.exposed_ports.count, 2);
    assert_int_equal(config.volumes.count, 1);
    assert_string_equal(config.user, "me");
    assert_string_equal(config.working_dir, "/srv");
    assert_string_equal(config.stop_signal, "SIGINT");
    assert_int_equal(config.healthcheck->interval, INT64_C(5000000000));
    assert_int_equal(config.healthcheck->timeout, 7000000);
    assert_int_equal(config.healthcheck->test.count, 2);
    berth_json_done(&berth_container_config_table, &config);
    berth_json_done(&berth_container_config_table, &image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_command), cmocka_unit_test(test_rest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
