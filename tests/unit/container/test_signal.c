/* SPDX-License-Identifier: Apache-2.0
 *
 * Signal names and detach keys.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "container/internal.h"

static void test_signals(void **state)
{
    assert_int_equal(container_signal_parse("KILL"), SIGKILL);
    assert_int_equal(container_signal_parse("sigterm"), SIGTERM);
    assert_int_equal(container_signal_parse("SIGHUP"), SIGHUP);
    assert_int_equal(container_signal_parse("9"), 9);
    assert_int_equal(container_signal_parse("RTMIN"), 34);
    assert_int_equal(container_signal_parse("SIGRTMIN+3"), 37);
    assert_int_equal(container_signal_parse("RTMAX-1"), 63);
    assert_int_equal(container_signal_parse("RTMAX+1"), -1);
    assert_int_equal(container_signal_parse("0"), -1);
    assert_int_equal(container_signal_parse("65"), -1);
    assert_int_equal(container_signal_parse("NONE"), -1);
    assert_int_equal(container_signal_parse(""), -1);
    assert_int_equal(container_signal_parse(NULL), -1);
}

static void test_keys(void **state)
{
    unsigned char keys[BERTH_SHIM_KEYS_MAX];
    uint32_t count = 9;
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(container_detach_keys_parse("ctrl-p,ctrl-q", keys, &count, &error), 0);
    assert_int_equal(count, 2);
    assert_int_equal(keys[0], 16);
    assert_int_equal(keys[1], 17);
    assert_int_equal(container_detach_keys_parse("a,ctrl-@,ctrl-[,ctrl-_", keys, &count, &error),
                     0);
    assert_int_equal(count, 4);
    assert_int_equal(keys[0], 'a');
    assert_int_equal(keys[1], 0);
    assert_int_equal(keys[2], 27);
    assert_int_equal(keys[3], 31);
    assert_int_equal(container_detach_keys_parse("", keys, &count, &error), 0);
    assert_int_equal(count, 0);
    assert_int_equal(container_detach_keys_parse("ctrl-pp", keys, &count, &error), BERTH_E_INVALID);
    assert_string_equal(error.msg, "Invalid detach keys (ctrl-pp) provided");
    assert_int_equal(container_detach_keys_parse("a,,b", keys, &count, &error), BERTH_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals), cmocka_unit_test(test_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
