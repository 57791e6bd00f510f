/* SPDX-License-Identifier: Apache-2.0
 *
 * core/oci: references, as distribution's own tests and docker read them.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/string.h"
#include "oci/reference.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *text, *domain, *path, *tag, *digest, *familiar;
} good[] = {
    {"debian", "docker.io", "library/debian", NULL, NULL, "debian"},
    {"debian:12", "docker.io", "library/debian", "12", NULL, "debian:12"},
    {"library/debian", "docker.io", "library/debian", NULL, NULL, "debian"},
    {"docker.io/debian", "docker.io", "library/debian", NULL, NULL, "debian"},
    {"index.docker.io/debian:a", "docker.io", "library/debian", "a", NULL, "debian:a"},
    {"me/app", "docker.io", "me/app", NULL, NULL, "me/app"},
    {"docker.io/me/app", "docker.io", "me/app", NULL, NULL, "me/app"},
    {"library/a/b", "docker.io", "library/a/b", NULL, NULL, "library/a/b"},
    {"localhost/app", "localhost", "app", NULL, NULL, "localhost/app"},
    {"localhost:5000/app:x", "localhost:5000", "app", "x", NULL, "localhost:5000/app:x"},
    {"r.example.com/a/b_c/d-e/f__g", "r.example.com", "a/b_c/d-e/f__g", NULL, NULL,
     "r.example.com/a/b_c/d-e/f__g"},
    {"[::1]:5000/x", "[::1]:5000", "x", NULL, NULL, "[::1]:5000/x"},
    {"Foo/bar", "Foo", "bar", NULL, NULL, "Foo/bar"},
    {"a---b", "docker.io", "library/a---b", NULL, NULL, "a---b"},
    {"a:_under.-", "docker.io", "library/a", "_under.-", NULL, "a:_under.-"},
    {"a@sha256:" HEX64, "docker.io", "library/a", NULL, "sha256:" HEX64, "a@sha256:" HEX64},
    {"a:t@sha256:" HEX64, "docker.io", "library/a", "t", "sha256:" HEX64, "a:t@sha256:" HEX64},
};

static const struct {
    const char *text, *message;
} bad[] = {
    {"", "invalid reference format"},
    {":", "invalid reference format"},
    {"a:", "invalid reference format"},
    {"a:-x", "invalid reference format"},
    {"a b", "invalid reference format"},
    {"a//b", "invalid reference format"},
    {"/a", "invalid reference format"},
    {"a/", "invalid reference format"},
    {"-a", "invalid reference format"},
    {"a..b", "invalid reference format"},
    {"a___b", "invalid reference format"},
    {"a_", "invalid reference format"},
    {"a:b:c", "invalid reference format"},
    {"../a", "invalid reference format"},
    {"a/../b", "invalid reference format"},
    {"-x.com/a", "invalid reference format"},
    {"x.com:port/a", "invalid reference format"},
    {"[::1/x", "invalid reference format"},
    {"h\xc3\xa9", "invalid reference format"},
    {"Debian", "repository name (Debian) must be lowercase"},
    {"x.com/App:1", "repository name (App) must be lowercase"},
    {HEX64, "cannot specify 64-byte hexadecimal strings"},
    {"a@sha256:0123456789abcdef0123456789abcdef", "invalid checksum digest length"},
    {"a@md5:0123456789abcdef0123456789abcdef", "unsupported digest algorithm"},
    {"a@sha256:xyz", "invalid reference format"},
    {"a@", "invalid reference format"},
};

static void test_good(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
        berth_error err = BERTH_ERROR_INIT;
        if (berth_oci_reference_parse(good[i].text, &reference, &err) < 0) {
            fail_msg("%s: %s", good[i].text, err.msg);
        }
        assert_string_equal(reference.domain, good[i].domain);
        assert_string_equal(reference.path, good[i].path);
        assert_true(berth_str_equal(reference.tag, good[i].tag));
        assert_true(berth_str_equal(reference.digest, good[i].digest));
        AUTO_FREE char *familiar = berth_oci_reference_familiar(&reference);
        assert_string_equal(familiar, good[i].familiar);
    }
}

static void test_bad(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
        berth_error err = BERTH_ERROR_INIT;
        if (berth_oci_reference_parse(bad[i].text, &reference, &err) != BERTH_E_INVALID ||
            strstr(err.msg, bad[i].message) == NULL) {
            fail_msg("\"%s\": \"%s\"", bad[i].text, err.msg);
        }
    }
}

static void test_limits(void **state)
{
    char name[400] = "x.com/";
    memset(name + 6, 'a', BERTH_OCI_NAME_MAX - 6);
    AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
    assert_int_equal(berth_oci_reference_parse(name, &reference, NULL), 0);
    name[BERTH_OCI_NAME_MAX] = 'a';
    berth_error err = BERTH_ERROR_INIT;
    struct berth_reference other;
    assert_int_equal(berth_oci_reference_parse(name, &other, &err), BERTH_E_INVALID);
    assert_non_null(strstr(err.msg, "must not be more than 255 characters"));

    char tag[200] = "a:";
    memset(tag + 2, 'b', BERTH_OCI_TAG_MAX);
    berth_oci_reference_done(&reference);
    assert_int_equal(berth_oci_reference_parse(tag, &reference, NULL), 0);
    tag[2 + BERTH_OCI_TAG_MAX] = 'b';
    assert_int_equal(berth_oci_reference_parse(tag, &other, NULL), BERTH_E_INVALID);
}

static void test_default_tag_and_patterns(void **state)
{
    AUTO_REFERENCE struct berth_reference reference = BERTH_REFERENCE_INIT;
    assert_int_equal(berth_oci_reference_parse("localhost:5000/a/b", &reference, NULL), 0);
    assert_int_equal(berth_oci_reference_default_tag(&reference, NULL), 0);
    AUTO_FREE char *text = berth_oci_reference_text(&reference);
    assert_string_equal(text, "localhost:5000/a/b:latest");
    assert_true(berth_oci_reference_matches(&reference, "localhost:5000/a/b"));
    assert_true(berth_oci_reference_matches(&reference, "*/a/b:lat*"));
    assert_true(berth_oci_reference_matches(&reference, "*/*/*"));
    assert_false(berth_oci_reference_matches(&reference, "*"));
    assert_false(berth_oci_reference_matches(&reference, "*/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_default_tag_and_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
