/* SPDX-License-Identifier: Apache-2.0
 *
 * -v specifications and tmpfs options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "container/create.h"
#include "container/spec.h"

static void check(const char *spec, const char *type, const char *source, const char *destination,
                  bool writable)
{
    struct mount_record mount = {0};
    berth_error error = BERTH_ERROR_INIT;
    assert_int_equal(container_bind_parse(spec, &mount, &error), 0);
    assert_string_equal(mount.type, type);
    const char *found = strcmp(type, "bind") == 0 ? mount.source : mount.name;
    assert_true(berth_str_equal(found, source));
    assert_string_equal(mount.destination, destination);
    assert_int_equal(mount.writable, writable);
    berth_json_done(&mount_record_table, &mount);
}

static void test_binds(void **state)
{
    check("/a:/b", "bind", "/a", "/b", true);
    check("/a/../c/:/b//d/", "bind", "/c", "/b/d", true);
    check("/a:/b:ro", "bind", "/a", "/b", false);
    check("/a:/b:ro,z,rslave", "bind", "/a", "/b", false);
    check("data:/b", "volume", "data", "/b", true);
    check("data:/b:nocopy", "volume", "data", "/b", true);
    check("/only", "volume", NULL, "/only", true);
}

static void test_bad_binds(void **state)
{
    static const char *const bad[] = {"",       ":",      "/a:",        ":/a",  "/a:/b:ro:x",
                                      "a/b:/c", "/a:rel", "/a:/b:nope", "/a:/", "x:/b:rslave"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct mount_record mount = {0};
        berth_error error = BERTH_ERROR_INIT;
        assert_int_equal(container_bind_parse(bad[i], &mount, &error), BERTH_E_INVALID);
        assert_true(error.msg[0] != '\0');
        berth_json_done(&mount_record_table, &mount);
    }
}

static void test_tmpfs(void **state)
{
    struct berth_strv options = {0};
    uint64_t attributes = 0;
    berth_error error = BERTH_ERROR_INIT;
    uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    assert_int_equal(spec_tmpfs_options("", &options, &attributes, &error), 0);
    assert_int_equal(attributes, quiet);
    assert_int_equal(spec_tmpfs_options("rw,exec,size=64m,mode=755", &options, &attributes, &error),
                     0);
    assert_int_equal(attributes, quiet & ~(uint64_t)MOUNT_ATTR_NOEXEC);
    assert_int_equal(options.count, 2);
    assert_string_equal(options.items[0], "size=64m");
    assert_int_equal(spec_tmpfs_options("ro", &options, &attributes, &error), 0);
    assert_true((attributes & MOUNT_ATTR_RDONLY) != 0);
    assert_int_equal(spec_tmpfs_options("bogus=3", &options, &attributes, &error), BERTH_E_INVALID);
    berth_strv_done(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_binds),
                                       cmocka_unit_test(test_bad_binds),
                                       cmocka_unit_test(test_tmpfs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
