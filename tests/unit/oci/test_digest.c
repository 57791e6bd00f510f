/* SPDX-License-Identifier: Apache-2.0
 *
 * core/oci: sha256 (FIPS 180-4 examples) and chain IDs.
 */
#include "test.h"

#include <string.h>

#include "oci/digest.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_known_answers(void **state)
{
    char hex[BERTH_SHA256_HEX];
    assert_int_equal(berth_oci_sha256_of("abc", 3, hex, NULL), 0);
    assert_string_equal(hex, ABC);
    assert_int_equal(berth_oci_sha256_of("", 0, hex, NULL), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* A copied state goes on where it was. */
static void test_streaming_and_copy(void **state)
{
    struct berth_sha256 first, copy;
    assert_int_equal(berth_oci_sha256_init(&first, NULL), 0);
    berth_oci_sha256_update(&first, "a", 1);
    copy = first;
    berth_oci_sha256_update(&copy, "bc", 2);
    char hex[BERTH_SHA256_HEX];
    berth_oci_sha256_final(&copy, hex);
    assert_string_equal(hex, ABC);
}

static void test_text_forms(void **state)
{
    assert_string_equal(berth_oci_digest_hex("sha256:" ABC), ABC);
    assert_null(berth_oci_digest_hex(ABC));
    assert_null(berth_oci_digest_hex("sha512:" ABC));
    assert_null(berth_oci_digest_hex("sha256:" ABC "0"));
    assert_null(berth_oci_digest_hex("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410"
                                     "FF61F20015AD"));
    assert_null(berth_oci_digest_hex(NULL));
    assert_null(berth_oci_digest_hex("sha256:../../etc/passwd"));
}

/* From the OCI image-spec's definition: chain(a, b) = sha256("a b"). */
static void test_chain_id(void **state)
{
    char hex[BERTH_SHA256_HEX], wanted[BERTH_SHA256_HEX];
    assert_int_equal(berth_oci_chain_id(NULL, "sha256:" ABC, hex, NULL), 0);
    assert_string_equal(hex, ABC);
    static const char text[] = "sha256:" ABC " sha256:" ABC;
    assert_int_equal(berth_oci_sha256_of(text, strlen(text), wanted, NULL), 0);
    assert_int_equal(berth_oci_chain_id(ABC, "sha256:" ABC, hex, NULL), 0);
    assert_string_equal(hex, wanted);
    assert_int_equal(berth_oci_chain_id("x", "sha256:" ABC, hex, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_oci_chain_id(NULL, "x", hex, NULL), BERTH_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_streaming_and_copy),
        cmocka_unit_test(test_text_forms),
        cmocka_unit_test(test_chain_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
