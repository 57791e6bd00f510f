/* SPDX-License-Identifier: Apache-2.0
 *
 * Request targets, query strings and route patterns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "http/target.h"
#include "http/url.h"

static void query_is_split_and_decoded(void **state)
{
    struct berth_http_target target;
    assert_int_equal(
        berth_http_target_parse("/v1.40/x%2Fy?all=1&filters=%7B%22a%22%3A1%7D&t=a+b&t=c&&flag",
                                &target, NULL),
        0);
    assert_string_equal(target.path, "/v1.40/x%2Fy");
    assert_string_equal(berth_http_target_query(&target, "all"), "1");
    assert_string_equal(berth_http_target_query(&target, "filters"), "{\"a\":1}");
    assert_string_equal(berth_http_target_query(&target, "t"), "a b");
    assert_string_equal(berth_http_target_query(&target, "flag"), "");
    assert_null(berth_http_target_query(&target, "nothing"));
    berth_http_target_done(&target);
}

static void odd_targets(void **state)
{
    struct berth_http_target target;
    assert_int_equal(berth_http_target_parse("http://host/a?b=c#d", &target, NULL), 0);
    assert_string_equal(target.path, "/a");
    assert_string_equal(berth_http_target_query(&target, "b"), "c");
    berth_http_target_done(&target);
    assert_int_equal(berth_http_target_parse("*", &target, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_http_target_parse("", &target, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_http_target_parse("/?a=%zz", &target, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_http_target_parse("/?a=%00", &target, NULL), BERTH_E_INVALID);
    assert_int_equal(berth_http_target_parse("/?a=%4", &target, NULL), BERTH_E_INVALID);
    char many[2 * BERTH_HTTP_QUERY_MAX + 8] = "/?";
    memset(many + 2, '&', 2 * BERTH_HTTP_QUERY_MAX);
    assert_int_equal(berth_http_target_parse(many, &target, NULL), BERTH_E_INVALID);
}

static void expect_match(const char *pattern, const char *path, const char *first,
                         const char *second)
{
    struct berth_http_params params;
    assert_int_equal(berth_http_route_match(pattern, path, &params, NULL), 1);
    assert_int_equal(params.count, (first != NULL) + (second != NULL));
    if (first != NULL) {
        assert_string_equal(params.values[0], first);
    }
    if (second != NULL) {
        assert_string_equal(params.values[1], second);
    }
    berth_http_params_done(&params);
}

static void refuse_match(const char *pattern, const char *path)
{
    struct berth_http_params params;
    assert_int_equal(berth_http_route_match(pattern, path, &params, NULL), 0);
}

static void routes_match(void **state)
{
    expect_match("/info", "/info", NULL, NULL);
    expect_match("/containers/{id}/json", "/containers/abc/json", "abc", NULL);
    expect_match("/images/{name...}/json", "/images/a/b:5000/c/json", "a/b:5000/c", NULL);
    expect_match("/images/{name...}/json", "/images/json/json", "json", NULL);
    expect_match("/images/{name...}", "/images/a%2Fb@sha256:1", "a/b@sha256:1", NULL);
    expect_match("/{a...}/x/{b}", "/1/x/2/x/3", "1/x/2", "3");
    refuse_match("/info", "/info/");
    refuse_match("/info", "/inf");
    refuse_match("/containers/{id}/json", "/containers//json");
    refuse_match("/containers/{id}/json", "/containers/a/b/json");
    refuse_match("/images/{name...}/json", "/images//jso");
    struct berth_http_params params;
    assert_int_equal(berth_http_route_match("/{a}", "/%00", &params, NULL), BERTH_E_INVALID);
}

static void encoding_round_trip(void **state)
{
    AUTO_BUFFER struct berth_buffer buffer = BERTH_BUFFER_INIT;
    berth_buffer_add(&buffer, "/containers/");
    berth_http_url_encode(&buffer, "a b/\xc3\xa4", true);
    berth_http_query_add(&buffer, "k&", "v=\"{}\"");
    berth_http_query_add(&buffer, "none", NULL);
    berth_http_query_add_bool(&buffer, "all", true, false);
    berth_http_query_add_bool(&buffer, "no", false, false);
    assert_string_equal(buffer.data, "/containers/a%20b/%C3%A4?k%26=v%3D%22%7B%7D%22&all=1");
    struct berth_http_target target;
    assert_int_equal(berth_http_target_parse(buffer.data, &target, NULL), 0);
    assert_string_equal(berth_http_target_query(&target, "k&"), "v=\"{}\"");
    berth_http_target_done(&target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_is_split_and_decoded),
        cmocka_unit_test(odd_targets),
        cmocka_unit_test(routes_match),
        cmocka_unit_test(encoding_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
