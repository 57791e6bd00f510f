/* SPDX-License-Identifier: Apache-2.0
 *
 * core/cli: columns, ellipses, ports, JSON as Go prints it, the multiplexed stream.
 */
#include "test.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/demux.h"
#include "cli/output.h"
#include "cli/ports.h"

static char *columns(const char *text)
{
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    assert_non_null(file);
    berth_output_columns(text, 10, 3, file);
    fclose(file);
    return out;
}

static void columns_are_as_wide_as_their_cells(void **state)
{
    static const char *const cases[][2] = {
        {"A\tB\tC\nlong long cell\tx\ty\n",
         "A                B         C\nlong long cell   x         y\n"},
        {"a\tb\n\tb\n", "a         b\n          b\n"},
        /* a cell counts characters, not bytes */
        {"\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6"
         "\xe2\x80\xa6\tb\n12345678\tb\n",
         "\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6\xe2\x80\xa6"
         "\xe2\x80\xa6   b\n12345678   b\n"},
        /* a line without the column ends its run */
        {"a very long cell\tb\nplain\nx\ty\n", "a very long cell   b\nplain\nx         y\n"},
        {"no tabs\n", "no tabs\n"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_FREE char *got = columns(cases[i][0]);
        assert_string_equal(got, cases[i][1]);
    }
}

static void long_texts_end_in_an_ellipsis(void **state)
{
    AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
    char id[80];
    berth_output_ellipsis("sh -c 'echo out; echo err'", 20, &out);
    assert_string_equal(out.data, "sh -c 'echo out; ec\xe2\x80\xa6");
    berth_buffer_clear(&out);
    berth_output_ellipsis("12345678901234567890", 20, &out);
    assert_string_equal(out.data, "12345678901234567890");
    assert_string_equal(berth_output_id("sha256:0123456789abcdef", true, id), "0123456789ab");
    assert_string_equal(berth_output_id("0123456789abcdef", true, id), "0123456789ab");
    assert_string_equal(berth_output_id("sha256:01", false, id), "sha256:01");
}

static void ports_are_joined_to_ranges(void **state)
{
    static const char *const cases[][2] = {
        {"[]", ""},
        {"[{\"PrivatePort\":80,\"Type\":\"tcp\"}]", "80/tcp"},
        {"[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},"
         "{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"}]",
         "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"},
        {"[{\"IP\":\"0.0.0.0\",\"PrivatePort\":81,\"PublicPort\":81,\"Type\":\"tcp\"},"
         "{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":80,\"Type\":\"tcp\"},"
         "{\"PrivatePort\":9000,\"Type\":\"udp\"}]",
         "0.0.0.0:80-81->80-81/tcp, 9000/udp"},
        {"[{\"PrivatePort\":1,\"Type\":\"tcp\"},{\"PrivatePort\":3,\"Type\":\"tcp\"}]",
         "1/tcp, 3/tcp"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO_BUFFER struct berth_buffer out = BERTH_BUFFER_INIT;
        struct json_object *ports = json_tokener_parse(cases[i][0]);
        berth_ports_display(ports, &out);
        assert_string_equal(out.data != NULL ? out.data : "", cases[i][1]);
        json_object_put(ports);
    }
}

static void json_is_indented_as_go_does(void **state)
{
    char *out = NULL;
    size_t size = 0;
    struct json_object *json =
        json_tokener_parse("[{\"a\":\"<x/&>\",\"b\":[],\"c\":{},\"d\":[1,null]}]");
    FILE *file = open_memstream(&out, &size);
    assert_non_null(file);
    berth_output_json(json, file);
    fclose(file);
    assert_string_equal(out, "[\n    {\n        \"a\": \"\\u003cx/\\u0026\\u003e\",\n"
                             "        \"b\": [],\n        \"c\": {},\n        \"d\": [\n"
                             "            1,\n            null\n        ]\n    }\n]\n");
    free(out);
    json_object_put(json);
}

struct streams {
    struct berth_buffer data[4];
};

static int32_t collect(void *context, int stream, const char *data, size_t length, berth_error *err)
{
    struct streams *streams = context;
    (void)err;
    berth_buffer_append(&streams->data[stream], data, length);
    return 0;
}

static void frames_may_be_cut_anywhere(void **state)
{
    static const char wire[] = "\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0"
                               "\1\0\0\0\0\0\0\1!";
    const size_t length = sizeof(wire) - 1;
    for (size_t piece = 1; piece <= length; piece++) {
        struct berth_demux demux = {0};
        struct streams streams = {0};
        berth_error err = BERTH_ERROR_INIT;
        for (size_t at = 0; at < length; at += piece) {
            size_t size = at + piece < length ? piece : length - at;
            assert_int_equal(berth_demux_feed(&demux, wire + at, size, collect, &streams, &err), 0);
        }
        assert_string_equal(streams.data[1].data, "hello!");
        assert_string_equal(streams.data[2].data, "err");
        for (int i = 0; i < 4; i++) {
            berth_buffer_done(&streams.data[i]);
        }
    }
}

static void what_is_no_frame_is_refused(void **state)
{
    struct berth_demux demux = {0};
    struct streams streams = {0};
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(berth_demux_feed(&demux, "plain text here", 15, collect, &streams, &err),
                     BERTH_E_DATA);
    assert_string_equal(err.msg, "Unrecognized input header: 112");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_cells),
        cmocka_unit_test(long_texts_end_in_an_ellipsis),
        cmocka_unit_test(ports_are_joined_to_ranges),
        cmocka_unit_test(json_is_indented_as_go_does),
        cmocka_unit_test(frames_may_be_cut_anywhere),
        cmocka_unit_test(what_is_no_frame_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
