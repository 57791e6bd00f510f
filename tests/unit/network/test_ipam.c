/* SPDX-License-Identifier: Apache-2.0
 *
 * Address allocation.
 */
#include "network/ipam.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct ipam ipam;

static void begin(const char *subnet, const char *range)
{
    berth_network_address a, b;
    assert_true(address_parse_prefix(subnet, &a));
    assert_true(range == NULL || address_parse_prefix(range, &b));
    ipam_init(&ipam, &a, range != NULL ? &b : NULL);
}

static int32_t take(const char *text)
{
    berth_network_address address;
    assert_true(address_parse(text, &address));
    return ipam_take(&ipam, &address, NULL);
}

static const char *next(void)
{
    static char text[ADDRESS_TEXT];
    berth_network_address address;
    return ipam_next(&ipam, &address, NULL) < 0 ? "none" : address_format_prefix(&address, text);
}

static void release(const char *text)
{
    berth_network_address address;
    assert_true(address_parse(text, &address));
    ipam_release(&ipam, &address);
}

static void test_order(void **state)
{
    begin("172.17.0.0/16", NULL);
    assert_int_equal(take("172.17.0.1"), 0);
    assert_string_equal(next(), "172.17.0.2/16");
    assert_string_equal(next(), "172.17.0.3/16");
    assert_string_equal(next(), "172.17.0.4/16");
    release("172.17.0.3");
    assert_string_equal(next(), "172.17.0.3/16");
    assert_string_equal(next(), "172.17.0.5/16");
    assert_int_equal(take("172.17.0.5"), BERTH_E_FORBIDDEN);
    assert_int_equal(take("172.18.0.5"), BERTH_E_INVALID);
    release("172.17.0.200"); /* never taken */
    release("10.0.0.1");     /* not ours */
    ipam_done(&ipam);
}

static void test_small(void **state)
{
    begin("10.0.0.0/30", NULL);
    assert_string_equal(next(), "10.0.0.1/30");
    assert_string_equal(next(), "10.0.0.2/30");
    assert_string_equal(next(), "none");
    release("10.0.0.1");
    assert_string_equal(next(), "10.0.0.1/30");
    ipam_done(&ipam);
    begin("10.0.0.4/31", NULL);
    assert_string_equal(next(), "10.0.0.4/31");
    assert_string_equal(next(), "10.0.0.5/31");
    assert_string_equal(next(), "none");
    ipam_done(&ipam);
}

static void test_range(void **state)
{
    begin("10.0.0.0/16", "10.0.5.0/30");
    assert_int_equal(take("10.0.9.9"), 0); /* in the subnet, outside the range */
    assert_string_equal(next(), "10.0.5.0/16");
    assert_string_equal(next(), "10.0.5.1/16");
    assert_string_equal(next(), "10.0.5.2/16");
    assert_string_equal(next(), "10.0.5.3/16");
    assert_string_equal(next(), "none");
    ipam_done(&ipam);
}

static void test_ipv6(void **state)
{
    begin("fd00::/64", NULL);
    assert_string_equal(next(), "fd00::1/64");
    assert_string_equal(next(), "fd00::2/64");
    assert_int_equal(take("fd00::ffff:ffff:ffff:ffff"), 0);
    ipam_done(&ipam);
}

/* Many random steps against a plain array. */
static void test_model(void **state)
{
    bool taken[1024] = {false};
    srandom(4711);
    begin("10.0.0.0/22", NULL);
    for (int i = 0; i < 20000; i++) {
        berth_network_address address;
        unsigned at = (unsigned)random() % 1024;
        if (random() % 2 == 0) {
            unsigned lowest = 1;
            while (lowest < 1023 && taken[lowest]) {
                lowest++;
            }
            if (ipam_next(&ipam, &address, NULL) < 0) {
                assert_int_equal(lowest, 1023);
            } else {
                assert_int_equal(address_offset(&ipam.subnet, &address), lowest);
                taken[lowest] = true;
            }
        } else {
            address = address_add(&ipam.subnet, at);
            ipam_release(&ipam, &address);
            taken[at] = false;
        }
    }
    ipam_done(&ipam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order), cmocka_unit_test(test_small), cmocka_unit_test(test_range),
        cmocka_unit_test(test_ipv6),  cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
