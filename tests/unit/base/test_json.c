/* SPDX-License-Identifier: Apache-2.0
 *
 * core/base: the table-driven JSON binding.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"

struct port {
    char *ip;
    int32_t number;
};

struct thing {
    bool flag;
    int32_t maybe;
    int64_t big;
    uint64_t bigger;
    double share;
    char *name, *hidden;
    struct berth_strv words, set;
    struct berth_strmap labels;
    struct port main_port;
    struct port *spare_port;
    struct berth_json_list ports;
    struct berth_json_map by_name, bindings;
    struct json_object *raw;
    char *old, *new;
};

static const struct berth_json_field port_fields[] = {
    BERTH_JSON_FIELD(struct port, ip, "Ip", STRING, 0),
    BERTH_JSON_FIELD(struct port, number, "Number", INT32, 0),
};
static const struct berth_json_table port_table =
    BERTH_JSON_TABLE("Port", struct port, port_fields);

static const struct berth_json_field thing_fields[] = {
    BERTH_JSON_FIELD(struct thing, flag, "Flag", BOOL, 0),
    BERTH_JSON_FIELD(struct thing, maybe, "Maybe", TRISTATE, 0),
    BERTH_JSON_FIELD(struct thing, big, "Big", INT64, 0),
    BERTH_JSON_FIELD(struct thing, bigger, "Bigger", UINT64, BERTH_JSON_OMIT_EMPTY),
    BERTH_JSON_FIELD(struct thing, share, "Share", DOUBLE, BERTH_JSON_OMIT_EMPTY),
    BERTH_JSON_FIELD(struct thing, name, "Name", STRING, 0),
    BERTH_JSON_FIELD(struct thing, hidden, "Hidden", STRING, BERTH_JSON_OMIT_EMPTY),
    BERTH_JSON_FIELD(struct thing, words, "Words", STRV, BERTH_JSON_NULL_EMPTY),
    BERTH_JSON_FIELD(struct thing, set, "Set", STRSET, BERTH_JSON_OMIT_EMPTY),
    BERTH_JSON_FIELD(struct thing, labels, "Labels", STRMAP, 0),
    BERTH_JSON_NESTED(struct thing, main_port, "MainPort", OBJECT, 0, port_table),
    BERTH_JSON_NESTED(struct thing, spare_port, "SparePort", OBJECT_PTR, 0, port_table),
    BERTH_JSON_NESTED(struct thing, ports, "Ports", LIST, 0, port_table),
    BERTH_JSON_NESTED(struct thing, by_name, "ByName", MAP, BERTH_JSON_OMIT_EMPTY, port_table),
    BERTH_JSON_NESTED(struct thing, bindings, "Bindings", LIST_MAP, 0, port_table),
    BERTH_JSON_FIELD(struct thing, raw, "Raw", RAW, BERTH_JSON_OMIT_EMPTY),
    BERTH_JSON_VERSIONED(struct thing, old, "Old", STRING, BERTH_JSON_OMIT_EMPTY, 0, 143),
    BERTH_JSON_VERSIONED(struct thing, new, "New", STRING, BERTH_JSON_OMIT_EMPTY, 144, 0),
};
static const struct berth_json_table thing_table =
    BERTH_JSON_TABLE("Thing", struct thing, thing_fields);

static const char full[] =
    "{\"Flag\":true,\"Maybe\":false,\"Big\":-9007199254740993,\"Bigger\":18446744073709551615,"
    "\"Share\":0.5,\"Name\":\"a/b\",\"Words\":[\"x\",\"\"],\"Set\":{\"80/tcp\":{}},"
    "\"Labels\":{\"k\":\"v\"},\"MainPort\":{\"Ip\":\"::1\",\"Number\":1},"
    "\"SparePort\":{\"Ip\":\"\",\"Number\":2},\"Ports\":[{\"Ip\":\"p\",\"Number\":3}],"
    "\"ByName\":{\"n\":{\"Ip\":\"q\",\"Number\":4}},"
    "\"Bindings\":{\"80/tcp\":[{\"Ip\":\"r\",\"Number\":5}],\"90/tcp\":null},"
    "\"Raw\":{\"any\":[1,null]},\"New\":\"n\"}";

static void everything_round_trips(void **state)
{
    struct thing thing, copy;
    berth_json_init(&thing_table, &thing);
    berth_json_init(&thing_table, &copy);
    assert_int_equal(berth_json_read_text(&thing_table, full, strlen(full), &thing, NULL), 0);
    assert_int_equal(berth_json_copy(&thing_table, &thing, &copy, NULL), 0);
    AUTO_FREE char *text = berth_json_write_text(&thing_table, &copy, 0);
    assert_string_equal(text, full);
    berth_json_done(&thing_table, &thing);
    berth_json_done(&thing_table, &copy);
}

static void empty_values_follow_their_flags(void **state)
{
    struct thing thing;
    berth_json_init(&thing_table, &thing);
    AUTO_FREE char *text = berth_json_write_text(&thing_table, &thing, 0);
    assert_string_equal(text, "{\"Flag\":false,\"Maybe\":null,\"Big\":0,\"Name\":\"\","
                              "\"Words\":null,\"Labels\":{},\"MainPort\":{\"Ip\":\"\","
                              "\"Number\":0},\"SparePort\":null,\"Ports\":[],\"Bindings\":{}}");
    berth_json_done(&thing_table, &thing);
}

static void versions_gate_fields(void **state)
{
    struct thing thing;
    berth_json_init(&thing_table, &thing);
    thing.old = strdup("o");
    thing.new = strdup("n");
    AUTO_FREE char *before = berth_json_write_text(&thing_table, &thing, 143);
    AUTO_FREE char *after = berth_json_write_text(&thing_table, &thing, 144);
    assert_non_null(strstr(before, "Old"));
    assert_null(strstr(before, "New"));
    assert_null(strstr(after, "Old"));
    assert_non_null(strstr(after, "New"));
    berth_json_done(&thing_table, &thing);
}

static void wrong_input_names_the_field(void **state)
{
    static const struct {
        const char *json, *names;
    } cases[] = {
        {"{\"Flag\":1}", "Thing.Flag"},
        {"{\"Maybe\":\"x\"}", "Thing.Maybe"},
        {"{\"Big\":\"1\"}", "Thing.Big"},
        {"{\"Bigger\":-1}", "Thing.Bigger"},
        {"{\"MainPort\":{\"Number\":4294967296}}", "Port.Number"},
        {"{\"Name\":{}}", "Thing.Name"},
        {"{\"Name\":\"a\\u0000b\"}", "Thing.Name"},
        {"{\"Words\":[1]}", "Thing.Words"},
        {"{\"Set\":[]}", "Thing.Set"},
        {"{\"Labels\":{\"a\":1}}", "Thing.Labels"},
        {"{\"MainPort\":[]}", "Port"},
        {"{\"Ports\":{}}", "Thing.Ports"},
        {"{\"Ports\":[1]}", "Port"},
        {"{\"ByName\":[]}", "Thing.ByName"},
        {"{\"Bindings\":{\"a\":{}}}", "Thing.Bindings"},
        {"[]", "Thing"},
        {"{\"Flag\":true", "unexpected end"},
        {"{} {}", "extra data"},
        {"", "unexpected end"},
        {"{\"Name\":\"\xff\"}", "invalid JSON"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct thing thing;
        berth_error err = BERTH_ERROR_INIT;
        berth_json_init(&thing_table, &thing);
        const char *json = cases[i].json;
        assert_int_equal(berth_json_read_text(&thing_table, json, strlen(json), &thing, &err),
                         BERTH_E_INVALID);
        if (strstr(err.msg, cases[i].names) == NULL) {
            fail_msg("%s: \"%s\" does not say %s", json, err.msg, cases[i].names);
        }
        berth_json_done(&thing_table, &thing);
    }
}

static void nesting_is_bounded(void **state)
{
    char deep[2 * BERTH_JSON_MAX_DEPTH + 64];
    memset(deep, '[', sizeof(deep));
    struct json_object *json = NULL;
    assert_int_equal(berth_json_parse(deep, sizeof(deep), "deep", &json, NULL), BERTH_E_INVALID);
}

static void names_match_without_case_and_null_keeps_values(void **state)
{
    struct thing thing;
    berth_json_init(&thing_table, &thing);
    static const char json[] = "{\"name\":\"lower\",\"big\":5,\"unknown\":{}}";
    assert_int_equal(berth_json_read_text(&thing_table, json, strlen(json), &thing, NULL), 0);
    static const char nulls[] = "{\"Name\":null,\"Big\":null,\"Words\":null}";
    assert_int_equal(berth_json_read_text(&thing_table, nulls, strlen(nulls), &thing, NULL), 0);
    assert_string_equal(thing.name, "lower");
    assert_int_equal(thing.big, 5);
    berth_json_done(&thing_table, &thing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_round_trips),
        cmocka_unit_test(empty_values_follow_their_flags),
        cmocka_unit_test(versions_gate_fields),
        cmocka_unit_test(wrong_input_names_the_field),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(names_match_without_case_and_null_keeps_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
