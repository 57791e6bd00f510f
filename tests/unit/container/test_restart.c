/* SPDX-License-Identifier: Apache-2.0
 *
 * Restart policies and their back-off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "container/internal.h"

#define MS (BERTH_NANOSECONDS / 1000)

static bool restarts(const char *policy, int64_t maximum, int exit_code, int count, bool manual)
{
    struct container_status status = {
        .exit_code = exit_code, .restart_count = count, .manually_stopped = manual};
    return container_restart_decide(policy, maximum, &status, 0, 0).restart;
}

static void test_policies(void **state)
{
    assert_false(restarts("no", 0, 1, 0, false));
    assert_false(restarts(NULL, 0, 1, 0, false));
    assert_true(restarts("always", 0, 0, 100, false));
    assert_false(restarts("always", 0, 0, 0, true));
    assert_true(restarts("unless-stopped", 0, 0, 0, false));
    assert_false(restarts("unless-stopped", 0, 137, 0, true));
    assert_true(restarts("on-failure", 0, 1, 50, false));
    assert_false(restarts("on-failure", 0, 0, 0, false));
    assert_true(restarts("on-failure", 3, 1, 2, false));
    assert_false(restarts("on-failure", 3, 1, 3, false));
}

static void test_back_off(void **state)
{
    struct container_status status = {.exit_code = 1};
    int64_t delay = 0;
    static const int64_t wanted[] = {100,  200,   400,   800,   1600,  3200,
                                     6400, 12800, 25600, 51200, 60000, 60000};
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        delay = container_restart_decide("always", 0, &status, delay, 0).delay;
        assert_int_equal(delay, wanted[i] * MS);
    }
    delay = container_restart_decide("always", 0, &status, delay, 11 * BERTH_NANOSECONDS).delay;
    assert_int_equal(delay, 100 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_policies),
                                       cmocka_unit_test(test_back_off)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
