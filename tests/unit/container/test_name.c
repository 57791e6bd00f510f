/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of containers: the rule and the made-up ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container/name.h"

static void test_rule(void **state)
{
    static const char *const good[] = {"ab", "a1", "A-b_c.d", "0x", "web-1"};
    static const char *const bad[] = {
        "", "a", "-a", ".ab", "_ab", "a b", "a/b", "a:b", "a\nb", "\xc3\xa4\xc3\xa4", "a$"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(berth_container_name_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(berth_container_name_valid(bad[i]));
    }
    assert_false(berth_container_name_valid(NULL));
}

static void test_generated(void **state)
{
    for (uint64_t seed = 0; seed < 30000; seed += 7) {
        char *name = berth_container_name_generate(seed, 0);
        assert_non_null(name);
        assert_true(berth_container_name_valid(name));
        assert_non_null(strchr(name, '_'));
        free(name);
    }
    char *plain = berth_container_name_generate(5, 0), *again = berth_container_name_generate(5, 3);
    assert_int_equal(strncmp(plain, again, strlen(plain)), 0);
    assert_string_equal(again + strlen(plain), "3");
    free(plain);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rule),
                                       cmocka_unit_test(test_generated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
