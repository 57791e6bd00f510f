/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrong settings are refused with Docker's sentences; right ones pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container/create.h"

static void check_host(const char *text, const char *sentence)
{
    struct berth_host_config host;
    berth_error error = BERTH_ERROR_INIT;
    berth_json_init(&berth_host_config_table, &host);
    assert_int_equal(
        berth_json_read_text(&berth_host_config_table, text, strlen(text), &host, &error), 0);
    int result = container_host_config_check(&host, &error);
    if (sentence == NULL) {
        assert_int_equal(result, 0);
    } else {
        assert_int_equal(result, BERTH_E_INVALID);
        assert_string_equal(error.msg, sentence);
    }
    berth_json_done(&berth_host_config_table, &host);
}

static void test_host(void **state)
{
    check_host("{}", NULL);
    check_host("{\"Memory\":1000}", "Minimum memory limit allowed is 6MB");
    check_host("{\"Memory\":67108864,\"MemorySwap\":1}",
               "Minimum memoryswap limit should be larger than memory limit, see usage");
    check_host("{\"Memory\":67108864,\"MemorySwap\":-1}", NULL);
    check_host("{\"RestartPolicy\":{\"Name\":\"sometimes\"}}",
               "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', "
               "'on-failure', or 'unless-stopped'");
    check_host("{\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":3}}",
               "invalid restart policy: maximum retry count can only be used with 'on-failure'");
    check_host("{\"RestartPolicy\":{\"Name\":\"always\"},\"AutoRemove\":true}",
               "can't create 'AutoRemove' container with restart policy");
    check_host("{\"NanoCpus\":1000000000,\"CpuQuota\":5000}",
               "Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
    check_host("{\"ShmSize\":-1}", "SHM size can not be less than 0");
    check_host("{\"PidMode\":\"weird\"}", "invalid PID mode: weird");
    check_host("{\"PidMode\":\"container:x\"}", NULL);
    check_host("{\"IpcMode\":\"shareable\"}", NULL);
    check_host("{\"UTSMode\":\"container:x\"}", "invalid UTS mode: container:x");
    check_host(
        "{\"LogConfig\":{\"Type\":\"carrier-pigeon\"}}",
        "error looking up logging plugin carrier-pigeon: plugin \"carrier-pigeon\" not found");
    check_host("{\"OomScoreAdj\":1001}",
               "Invalid value 1001, range for oom score adj is [-1000, 1000]");
    check_host("{\"SecurityOpt\":[\"no-new-privileges\",\"seccomp=unconfined\"]}", NULL);
    check_host("{\"SecurityOpt\":[\"nonsense\"]}", "invalid --security-opt 2: \"nonsense\"");
    check_host("{\"ExtraHosts\":[\"justaname\"]}", "bad format for add-host: \"justaname\"");
}

static void check_config(const char *text, const char *sentence)
{
    struct berth_container_config config;
    berth_error error = BERTH_ERROR_INIT;
    berth_json_init(&berth_container_config_table, &config);
    assert_int_equal(
        berth_json_read_text(&berth_container_config_table, text, strlen(text), &config, &error),
        0);
    int result = container_config_check(&config, &error);
    if (sentence == NULL) {
        assert_int_equal(result, 0);
    } else {
        assert_int_equal(result, BERTH_E_INVALID);
        assert_string_equal(error.msg, sentence);
    }
    berth_json_done(&berth_container_config_table, &config);
}

static void test_config(void **state)
{
    check_config("{\"Env\":[\"A=b\",\"C\"],\"WorkingDir\":\"/x\",\"StopSignal\":\"HUP\"}", NULL);
    check_config("{\"WorkingDir\":\"x\"}",
                 "the working directory 'x' is invalid, it needs to be an absolute path");
    check_config("{\"StopSignal\":\"SIGNONE\"}", "invalid signal: SIGNONE");
    check_config("{\"Env\":[\"=x\"]}", "invalid environment variable: =x");
    check_config("{\"Healthcheck\":{\"Interval\":5}}",
                 "Interval in Healthcheck cannot be less than 1ms");
}

static void test_clean(void **state)
{
    static const char *const cases[][2] = {
        {"/", "/"},         {"//a//b/", "/a/b"}, {"/a/./b", "/a/b"}, {"/a/../b", "/b"},
        {"/../../a", "/a"}, {"/a/b/..", "/a"},   {"/..", "/"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *clean = container_path_clean(cases[i][0]);
        assert_string_equal(clean, cases[i][1]);
        free(clean);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_host), cmocka_unit_test(test_config),
                                       cmocka_unit_test(test_clean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
