/* SPDX-License-Identifier: Apache-2.0
 *
 * core/oci: Dockerfile instructions of commit and import.
 */
#include "test.h"

#include <string.h>

#include "base/cleanup.h"
#include "oci/change.h"

static const struct {
    const char *line, *json; /* what a config says of it */
} good[] = {
    {"CMD [\"sh\", \"-c\"]", "\"Cmd\":[\"sh\",\"-c\"]"},
    {"cmd echo hi", "\"Cmd\":[\"/bin/sh\",\"-c\",\"echo hi\"]"},
    {"ENTRYPOINT [\"/x\"]", "\"Entrypoint\":[\"/x\"]"},
    {"ENV A=b C=\"d e\" F=g\\ h", "\"Env\":[\"A=b\",\"C=d e\",\"F=g h\"]"},
    {"ENV A b c", "\"Env\":[\"A=b c\"]"},
    {"LABEL k=v 'a b'=c", "\"Labels\":{\"k\":\"v\",\"a b\":\"c\"}"},
    {"EXPOSE 80 53/udp 90-91", "\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"90/tcp\":{},"
                               "\"91/tcp\":{}}"},
    {"VOLUME [\"/a\", \"/b\"]", "\"Volumes\":{\"/a\":{},\"/b\":{}}"},
    {"VOLUME /a /b", "\"Volumes\":{\"/a\":{},\"/b\":{}}"},
    {"USER 1000:1000", "\"User\":\"1000:1000\""},
    {"WORKDIR app", "\"WorkingDir\":\"/app\""},
    {"STOPSIGNAL SIGINT", "\"StopSignal\":\"SIGINT\""},
    {"ONBUILD RUN x", "\"OnBuild\":[\"RUN x\"]"},
    {"HEALTHCHECK NONE", "\"Healthcheck\":{\"Test\":[\"NONE\"]}"},
    {"HEALTHCHECK --interval=5s --retries=3 CMD curl x",
     "\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"curl x\"],\"Interval\":5000000000,\"Retries\":3}"},
};

static const char *const bad[] = {
    "",          "FROM x",       "RUN x",       "CMD",           "ENV A",
    "ENV =b",    "ENV A=\"b",    "EXPOSE 0",    "EXPOSE 80/x",   "EXPOSE 90-80",
    "LABEL k",   "EXPOSE 70000", "VOLUME \"\"", "HEALTHCHECK x", "HEALTHCHECK --odd=1 CMD x",
    "ENV A=b c",
};

static void test_good(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct berth_container_config config;
        berth_error err = BERTH_ERROR_INIT;
        berth_json_init(&berth_container_config_table, &config);
        if (berth_oci_change_apply(good[i].line, &config, &err) < 0) {
            fail_msg("%s: %s", good[i].line, err.msg);
        }
        AUTO_FREE char *text = berth_json_write_text(&berth_container_config_table, &config, 0);
        if (strstr(text, good[i].json) == NULL) {
            fail_msg("%s: %s", good[i].line, text);
        }
        berth_json_done(&berth_container_config_table, &config);
    }
}

static void test_bad(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct berth_container_config config;
        berth_error err = BERTH_ERROR_INIT;
        berth_json_init(&berth_container_config_table, &config);
        if (berth_oci_change_apply(bad[i], &config, &err) != BERTH_E_INVALID ||
            err.msg[0] == '\0') {
            fail_msg("accepted: %s", bad[i]);
        }
        berth_json_done(&berth_container_config_table, &config);
    }
}

/* A relative WORKDIR stands on the one before; ENV replaces. */
static void test_on_top(void **state)
{
    struct berth_container_config config;
    berth_json_init(&berth_container_config_table, &config);
    assert_int_equal(berth_oci_change_apply("WORKDIR /a", &config, NULL), 0);
    assert_int_equal(berth_oci_change_apply("WORKDIR b", &config, NULL), 0);
    assert_string_equal(config.working_dir, "/a/b");
    assert_int_equal(berth_oci_change_apply("ENV X=1", &config, NULL), 0);
    assert_int_equal(berth_oci_change_apply("ENV X=2", &config, NULL), 0);
    assert_int_equal(config.env.count, 1);
    assert_string_equal(config.env.items[0], "X=2");
    berth_json_done(&berth_container_config_table, &config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_on_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
