/* SPDX-License-Identifier: Apache-2.0
 *
 * core/linux: capability names and Docker's --cap-add and --cap-drop.
 */
#include "test.h"

#include <string.h>

#include "linux/capabilities.h"

static struct berth_strv list(const char *words)
{
    struct berth_strv v = {0};
    if (words != NULL) {
        assert_true(berth_strv_split(&v, words, ' '));
    }
    return v;
}

static int set_of(const char *add, const char *drop, int privileged, uint64_t *ret,
                  berth_error *err)
{
    AUTO_STRV struct berth_strv a = list(add), d = list(drop);
    struct berth_linux_capability_request request = {&a, &d, berth_linux_capability_default,
                                                     privileged};
    return berth_linux_capability_set(&request, ret, err);
}

static void names_are_parsed(void **state)
{
    assert_int_equal(berth_linux_capability_parse("CHOWN"), 0);
    assert_int_equal(berth_linux_capability_parse("CAP_SYS_ADMIN"), 21);
    assert_int_equal(berth_linux_capability_parse("cap_net_raw"), 13);
    assert_int_equal(berth_linux_capability_parse("CHECKPOINT_RESTORE"), 40);
    assert_int_equal(berth_linux_capability_parse("CAP_"), -1);
    assert_int_equal(berth_linux_capability_parse("NOPE"), -1);
    assert_string_equal(berth_linux_capability_name(29), "CAP_AUDIT_WRITE");
    assert_null(berth_linux_capability_name(41));
    assert_true(berth_linux_capability_default == 0xa80425fb);
}

static void sets_follow_docker(void **state)
{
    uint64_t all = berth_linux_capability_available(), usual = berth_linux_capability_default & all;
    uint64_t set;

    assert_int_equal(set_of(NULL, NULL, 0, &set, NULL), 0);
    assert_true(set == usual);
    assert_int_equal(set_of("NET_ADMIN", "CHOWN CAP_KILL", 0, &set, NULL), 0);
    assert_true(set == ((usual & ~0x21ull) | (1ull << 12 & all)));
    assert_int_equal(set_of("ALL", "SYS_ADMIN", 0, &set, NULL), 0);
    assert_true(set == (all & ~(1ull << 21)));
    assert_int_equal(set_of("NET_RAW", "all", 0, &set, NULL), 0);
    assert_true(set == (1ull << 13 & all));
    assert_int_equal(set_of(NULL, "ALL", 0, &set, NULL), 0);
    assert_true(set == 0);
    assert_int_equal(set_of(NULL, NULL, 1, &set, NULL), 0);
    assert_true(set == all);
}

static void unknown_ones_are_refused(void **state)
{
    uint64_t set;
    berth_error err;

    assert_int_equal(set_of("FLY", NULL, 0, &set, &err), BERTH_E_INVALID);
    assert_string_equal(err.msg, "invalid CapAdd: unknown capability: \"FLY\"");
    assert_int_equal(set_of(NULL, "CAP_SWIM", 0, &set, &err), BERTH_E_INVALID);
    assert_string_equal(err.msg, "invalid CapDrop: unknown capability: \"CAP_SWIM\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_parsed),
        cmocka_unit_test(sets_follow_docker),
        cmocka_unit_test(unknown_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
