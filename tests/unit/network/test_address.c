/* SPDX-License-Identifier: Apache-2.0
 *
 * Address arithmetic.
 */
#include "network/address.h"

#include <string.h>

#include "test.h"

static berth_network_address prefix(const char *text)
{
    berth_network_address address;
    assert_true(address_parse_prefix(text, &address));
    return address;
}

static void test_parse(void **state)
{
    static const char *const bad[] = {"",           "10.0.0.0", "10.0.0.0/",   "10.0.0.0/33",
                                      "10.0.0/8",   "::/129",   "10.0.0.0/-1", "10.0.0.0/8x",
                                      "fe80::%1/64"};
    berth_network_address address;
    char text[ADDRESS_TEXT];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(address_parse_prefix(bad[i], &address));
    }
    address = prefix("172.17.0.1/16");
    assert_string_equal(address_format_prefix(&address, text), "172.17.0.1/16");
    address = address_network(&address);
    assert_string_equal(address_format_prefix(&address, text), "172.17.0.0/16");
    address = prefix("fd00:0:0:1::5/64");
    address = address_network(&address);
    assert_string_equal(address_format_prefix(&address, text), "fd00:0:0:1::/64");
    assert_false(address_parse(NULL, &address));
}

static void test_mac(void **state)
{
    uint8_t mac[6];
    char text[18];
    assert_true(address_parse_mac("02:42:AC:11:00:02", mac));
    assert_string_equal(address_format_mac(mac, text), "02:42:ac:11:00:02");
    assert_false(address_parse_mac("02:42:ac:11:00", mac));
    assert_false(address_parse_mac("02:42:ac:11:00:02:", mac));
    assert_false(address_parse_mac("2:42:ac:11:0:2", mac));
    assert_false(address_parse_mac(NULL, mac));
}

static void test_arithmetic(void **state)
{
    berth_network_address net = prefix("10.1.0.0/16"), v6 = prefix("fd00::/64");
    berth_network_address at = address_add(&net, 0x1ff);
    char text[ADDRESS_TEXT];
    assert_string_equal(address_format(&at, text), "10.1.1.255");
    assert_int_equal(address_offset(&net, &at), 0x1ff);
    assert_int_equal(address_count(&net), 65536);
    assert_true(address_within(&net, &at));
    at = address_add(&v6, UINT64_C(0x100000000));
    assert_string_equal(address_format(&at, text), "fd00::1:0:0");
    assert_true(address_offset(&v6, &at) == UINT64_C(0x100000000));
    assert_true(address_count(&v6) == UINT64_MAX);
    assert_false(address_within(&net, &at));
}

static void test_overlap(void **state)
{
    static const struct {
        const char *a, *b;
        bool overlap;
    } cases[] = {{"10.0.0.0/8", "10.1.0.0/16", true},
                 {"10.1.0.0/16", "10.0.0.0/8", true},
                 {"10.1.0.0/16", "10.2.0.0/16", false},
                 {"0.0.0.0/0", "192.168.1.0/24", true},
                 {"10.0.0.0/25", "10.0.0.128/25", false},
                 {"fd00::/8", "fd12::/64", true},
                 {"::/0", "10.0.0.0/8", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        berth_network_address a = prefix(cases[i].a), b = prefix(cases[i].b);
        assert_int_equal(address_overlap(&a, &b), cases[i].overlap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_mac),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
