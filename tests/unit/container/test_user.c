/* SPDX-License-Identifier: Apache-2.0
 *
 * User lookup in a container's files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "container/user.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "# a comment\n"
                             "broken line\n"
                             "www:x:33:33:www:/var/www:/bin/false\n"
                             "1000:x:77:77:odd name::/bin/sh\n"
                             "app:x:1000:1001:App:/home/app:/bin/sh";
static const char group[] = "root:x:0:\nwww:x:33:\napp:x:1001:\naudio:x:29:app,www\n"
                            "video:x:44:app\n";

static struct berth_container_user lookup(const char *spec, const struct berth_strv *extra)
{
    struct berth_container_user user = {0};
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(berth_container_user_parse(passwd, group, spec, extra, &user, &error), 0);
    return user;
}

static void test_names(void **state)
{
    struct berth_container_user user = lookup(NULL, NULL);
    assert_int_equal(user.uid, 0);
    assert_string_equal(user.home, "/root");
    berth_container_user_done(&user);
    user = lookup("app", NULL);
    assert_int_equal(user.uid, 1000);
    assert_int_equal(user.gid, 1001);
    assert_string_equal(user.home, "/home/app");
    assert_int_equal(user.group_count, 3);
    assert_int_equal(user.groups[0], 1001);
    assert_int_equal(user.groups[1], 29);
    assert_int_equal(user.groups[2], 44);
    berth_container_user_done(&user);
    user = lookup("app:www", NULL);
    assert_int_equal(user.gid, 33);
    assert_int_equal(user.group_count, 1);
    berth_container_user_done(&user);
}

static void test_numbers(void **state)
{
    struct berth_container_user user = lookup("4711:42", NULL);
    assert_int_equal(user.uid, 4711);
    assert_int_equal(user.gid, 42);
    assert_string_equal(user.home, "/");
    berth_container_user_done(&user);
    /* by number, a known user brings his group and home */
    user = lookup("33", NULL);
    assert_int_equal(user.gid, 33);
    assert_string_equal(user.home, "/var/www");
    berth_container_user_done(&user);
    /* a user whose name is a number wins over the number, as in runc */
    user = lookup("1000", NULL);
    assert_int_equal(user.uid, 77);
    berth_container_user_done(&user);
}

static void test_extra_groups(void **state)
{
    struct berth_strv extra = {0};
    assert_true(berth_strv_add(&extra, "video"));
    assert_true(berth_strv_add(&extra, "999"));
    struct berth_container_user user = lookup("www", &extra);
    assert_int_equal(user.group_count, 4);
    assert_int_equal(user.groups[0], 33);
    assert_int_equal(user.groups[1], 29);
    assert_int_equal(user.groups[2], 44);
    assert_int_equal(user.groups[3], 999);
    berth_container_user_done(&user);
    berth_strv_done(&extra);
}

static void test_unknown(void **state)
{
    struct berth_container_user user = {0};
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(berth_container_user_parse(passwd, group, "nobody", NULL, &user, &error),
                     BERTH_E_INVALID);
    assert_string_equal(error.msg,
                        "unable to find user nobody: no matching entries in passwd file");
    assert_int_equal(berth_container_user_parse(passwd, group, "app:staff", NULL, &user, &error),
                     BERTH_E_INVALID);
    assert_string_equal(error.msg, "unable to find group staff: no matching entries in group file");
    assert_int_equal(berth_container_user_parse(NULL, NULL, "12", NULL, &user, &error), 0);
    assert_int_equal(user.uid, 12);
    berth_container_user_done(&user);
    assert_int_equal(berth_container_user_parse(NULL, NULL, "99999999999", NULL, &user, &error),
                     BERTH_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_numbers),
                                       cmocka_unit_test(test_extra_groups),
                                       cmocka_unit_test(test_unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
