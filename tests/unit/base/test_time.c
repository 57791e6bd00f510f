/* SPDX-License-Identifier: Apache-2.0
 *
 * core/base: points in time, durations and errors.
 */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/time.h"

static void times_round_trip(void **state)
{
    static const struct {
        const char *read;
        int64_t time;
        const char *printed;
    } cases[] = {
        {"1970-01-01T00:00:01Z", BERTH_NANOSECONDS, "1970-01-01T00:00:01Z"},
        {"2026-11-23T22:26:00.120000000Z", INT64_C(1795472760120000000), "2026-11-23T22:26:00.12Z"},
        {"2026-11-23T23:26:00.000000001+01:00", INT64_C(1795472760000000001),
         "2026-11-23T22:26:00.000000001Z"},
        {"0001-01-01T00:00:00Z", 0, "0001-01-01T00:00:00Z"},
    };
    char text[BERTH_TIME_TEXT];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t time = -1;
        assert_true(berth_time_parse(cases[i].read, &time));
        assert_int_equal(time, cases[i].time);
        assert_string_equal(berth_time_format(time, text), cases[i].printed);
    }
}

static void wrong_times_are_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "now",
                                        "2026-13-01T00:00:00Z",
                                        "2026-11-23T22:26:00",
                                        "2026-11-23T22:26:00Zx",
                                        "2026-11-23T25:00:00Z",
                                        "2026-11-23T22:26:00+25:00"};
    int64_t time = 7;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_false(berth_time_parse(wrong[i], &time));
    }
    assert_int_equal(time, 7);
}

static void relative_times_follow_docker(void **state)
{
    int64_t now = INT64_C(1795472760) * BERTH_NANOSECONDS, time;
    assert_true(berth_time_parse_relative("10m", now, &time));
    assert_int_equal(time, now - 600 * BERTH_NANOSECONDS);
    assert_true(berth_time_parse_relative("1795472760.5", now, &time));
    assert_int_equal(time, now + BERTH_NANOSECONDS / 2);
    assert_true(berth_time_parse_relative("2026-11-23T22:26Z", now, &time));
    assert_int_equal(time, now);
    assert_true(berth_time_parse_relative("2026-11-23", now, &time));
    assert_false(berth_time_parse_relative("yesterday", now, &time));
}

static void durations_are_those_of_go(void **state)
{
    static const struct {
        const char *read, *printed;
    } cases[] = {{"1h30m", "1h30m0s"}, {"1.5s", "1.5s"}, {"100ms", "100ms"},    {"0", "0s"},
                 {"-2m", "-2m0s"},     {"90s", "1m30s"}, {"1us", "1\xc2\xb5s"}, {"36h", "36h0m0s"}};
    static const char *const wrong[] = {"", "1", "s", "1x", "1h 2m", "-", "1.2.3s"};
    char text[BERTH_TIME_TEXT];
    int64_t value;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_true(berth_duration_parse(cases[i].read, &value));
        assert_string_equal(berth_duration_format(value, text), cases[i].printed);
    }
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_false(berth_duration_parse(wrong[i], &value));
    }
}

static void rough_durations_are_dockers_words(void **state)
{
    static const struct {
        int64_t seconds;
        const char *words;
    } cases[] = {{0, "Less than a second"}, {1, "1 second"},         {59, "59 seconds"},
                 {60, "About a minute"},    {300, "5 minutes"},      {3600, "About an hour"},
                 {5 * 3600, "5 hours"},     {3 * 86400, "3 days"},   {21 * 86400, "3 weeks"},
                 {90 * 86400, "3 months"},  {800 * 86400, "2 years"}};
    char text[BERTH_TIME_TEXT];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_string_equal(berth_duration_human(cases[i].seconds * BERTH_NANOSECONDS, text),
                            cases[i].words);
    }
}

static void errors_carry_class_cause_and_context(void **state)
{
    berth_error err = BERTH_ERROR_INIT;
    assert_int_equal(sizeof(err), 512);
    assert_int_equal(berth_error_errno(&err, ENOENT, "opening %s", "/x"), BERTH_E_NOT_FOUND);
    assert_int_equal(berth_error_wrap(&err, "pulling %s", "y"), BERTH_E_NOT_FOUND);
    assert_string_equal(err.msg, "pulling y: opening /x: No such file or directory");
    char big[2000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    berth_error_set(&err, BERTH_E_INVALID, EIO, "%s", big);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_int_equal(berth_error_set(NULL, BERTH_E_DATA, 0, "nobody listens"), BERTH_E_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_round_trip),
        cmocka_unit_test(wrong_times_are_refused),
        cmocka_unit_test(relative_times_follow_docker),
        cmocka_unit_test(durations_are_those_of_go),
        cmocka_unit_test(rough_durations_are_dockers_words),
        cmocka_unit_test(errors_carry_class_cause_and_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
