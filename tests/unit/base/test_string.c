/* SPDX-License-Identifier: Apache-2.0
 *
 * core/base: strings, vectors, maps, buffers, sizes and identifiers.
 */
#include "test.h"

#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/id.h"
#include "base/size.h"
#include "base/string.h"

static void vector_grows_shrinks_and_stays_terminated(void **state)
{
    AUTO_STRV struct berth_strv vector = {0};
    for (int i = 0; i < 100; i++) {
        assert_true(berth_strv_addf(&vector, "item %d", i));
        assert_null(vector.items[vector.count]);
    }
    for (int i = 0; i < 60; i++) {
        berth_strv_remove(&vector, (size_t)i % vector.count);
        assert_null(vector.items[vector.count]);
    }
    for (int i = 0; i < 100; i++) {
        assert_true(berth_strv_add(&vector, "again"));
    }
    assert_int_equal(vector.count, 140);
    assert_string_equal(vector.items[139], "again");
}

static void split_and_join_are_inverse(void **state)
{
    AUTO_STRV struct berth_strv parts = {0};
    assert_true(berth_strv_split(&parts, "a::b:", ':'));
    assert_int_equal(parts.count, 4);
    assert_string_equal(parts.items[1], "");
    AUTO_FREE char *joined = berth_strv_join(&parts, ":");
    assert_string_equal(joined, "a::b:");
}

static void environment_is_found_by_whole_name(void **state)
{
    AUTO_STRV struct berth_strv env = {0};
    assert_true(berth_strv_add(&env, "PATHS=no"));
    assert_null(berth_strv_env(&env, "PATH"));
    assert_true(berth_strv_env_set(&env, "PATH", "/bin"));
    assert_true(berth_strv_env_set(&env, "PATH", "/sbin"));
    assert_int_equal(env.count, 2);
    assert_string_equal(berth_strv_env(&env, "PATH"), "/sbin");
}

static void map_replaces_removes_and_sorts(void **state)
{
    AUTO_STRMAP struct berth_strmap map = {0};
    assert_true(berth_strmap_set(&map, "b", "1"));
    assert_true(berth_strmap_set(&map, "a", "2"));
    assert_true(berth_strmap_set(&map, "b", "3"));
    assert_int_equal(map.count, 2);
    berth_strmap_sort(&map);
    assert_string_equal(map.keys[0], "a");
    assert_string_equal(berth_strmap_get(&map, "b"), "3");
    assert_true(berth_strmap_remove(&map, "a"));
    assert_false(berth_strmap_remove(&map, "a"));
    assert_null(berth_strmap_get(&map, "a"));
}

static void numbers_are_parsed_whole_or_not_at_all(void **state)
{
    static const char *const wrong[] = {"", " 1", "1 ", "1x", "x", "9223372036854775808", "0x10"};
    int64_t value = 42;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_false(berth_str_to_int64(wrong[i], &value));
    }
    assert_int_equal(value, 42);
    assert_true(berth_str_to_int64("-17", &value));
    assert_int_equal(value, -17);
}

static void buffer_formats_consumes_and_is_taken(void **state)
{
    AUTO_BUFFER struct berth_buffer buffer = BERTH_BUFFER_INIT;
    for (int i = 0; i < 1000; i++) {
        berth_buffer_format(&buffer, "%03d,", i);
    }
    assert_int_equal(buffer.length, 4000);
    berth_buffer_consume(&buffer, 4 * 998);
    assert_string_equal(buffer.data, "998,999,");
    AUTO_FREE char *text = berth_buffer_take(&buffer);
    assert_string_equal(text, "998,999,");
    AUTO_FREE char *empty = berth_buffer_take(&buffer);
    assert_string_equal(empty, "");
}

static void sizes_read_and_print_as_docker_does(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"100", 100},     {"32b", 32},          {"32k", 32768},      {"32kb", 32768},
        {"32KiB", 32768}, {"1.5g", 1610612736}, {"64 MB", 67108864}, {"1t", INT64_C(1) << 40}};
    static const char *const bad[] = {"", "m", "-1", "1x", "1kk", "1.2.3", "99999999999t"};
    char text[BERTH_SIZE_TEXT];
    int64_t bytes;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(berth_size_parse(good[i].text, &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(berth_size_parse(bad[i], &bytes));
    }
    assert_string_equal(berth_size_format(1238000, 3, text), "1.24MB");
    assert_string_equal(berth_size_format(0, 3, text), "0B");
    assert_string_equal(berth_size_format_binary(1240000, text), "1.183MiB");
}

static void ids_are_random_hexadecimal(void **state)
{
    char one[BERTH_ID_LENGTH + 1], two[BERTH_ID_LENGTH + 1];
    assert_int_equal(berth_id_new(one, NULL), 0);
    assert_int_equal(berth_id_new(two, NULL), 0);
    assert_int_equal(strspn(one, "0123456789abcdef"), BERTH_ID_LENGTH);
    assert_string_not_equal(one, two);
    unsigned char bytes[32];
    assert_true(berth_hex_decode(one, bytes, sizeof(bytes)));
    assert_false(berth_hex_decode("zz", bytes, 1));
    assert_false(berth_hex_decode("abc", bytes, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_grows_shrinks_and_stays_terminated),
        cmocka_unit_test(split_and_join_are_inverse),
        cmocka_unit_test(environment_is_found_by_whole_name),
        cmocka_unit_test(map_replaces_removes_and_sorts),
        cmocka_unit_test(numbers_are_parsed_whole_or_not_at_all),
        cmocka_unit_test(buffer_formats_consumes_and_is_taken),
        cmocka_unit_test(sizes_read_and_print_as_docker_does),
        cmocka_unit_test(ids_are_random_hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
