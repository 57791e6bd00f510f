/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a json-file log: parsing, formatting, finding the last ones.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "container/log_line.h"

static void test_parse(void **state)
{
    struct log_line line = {0};
    static const char text[] =
        "{\"log\":\"a \\\"b\\\"\\t\\u00e4\\ud83d\\ude00\\u003c\\n\",\"stream\":\"stderr\","
        "\"attrs\":{\"k\":\"}\\\"\"},\"time\":\"2026-11-23T10:00:00.5Z\"}";
    assert_true(log_line_parse(text, strlen(text), &line));
    assert_string_equal(line.text.data, "a \"b\"\t\xc3\xa4\xf0\x9f\x98\x80<\n");
    assert_true(line.standard_error);
    assert_int_equal(line.time % INT64_C(1000000000), 500000000);
    assert_int_equal(line.attrs_length, strlen("{\"k\":\"}\\\"\"}"));
    berth_buffer_done(&line.text);
}

static void test_torn(void **state)
{
    struct log_line line = {0};
    static const char text[] =
        "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T10:00:00Z\"}";
    for (size_t length = 0; length < strlen(text); length++) {
        assert_false(log_line_parse(text, length, &line));
    }
    assert_true(log_line_parse(text, strlen(text), &line));
    assert_false(log_line_parse("{\"log\":\"\\x\"}", 12, &line));
    assert_false(log_line_parse("garbage", 7, &line));
    berth_buffer_done(&line.text);
}

static void test_format(void **state)
{
    struct log_line line = {0};
    struct berth_buffer out = BERTH_BUFFER_INIT;
    struct log_format format = {.multiplex = true, .timestamps = true};
    static const char text[] =
        "{\"log\":\"hi\\n\",\"stream\":\"stderr\",\"attrs\":{\"b\":\"2\",\"a\":\"1\"},"
        "\"time\":\"2026-11-23T10:00:00.05Z\"}";
    assert_true(log_line_parse(text, strlen(text), &line));
    log_line_format(&line, &format, &out);
    assert_int_equal(out.length, 8 + 31 + 3);
    assert_memory_equal(out.data, "\2\0\0\0\0\0\0\42", 8);
    assert_string_equal(out.data + 8, "2026-11-23T10:00:00.050000000Z hi\n");
    berth_buffer_clear(&out);
    format = (struct log_format){.details = true};
    log_line_format(&line, &format, &out);
    assert_string_equal(out.data, "a=1,b=2 hi\n");
    berth_buffer_done(&out);
    berth_buffer_done(&line.text);
}

/* A file of `count` lines "N\n" starting with number `first`. */
static int file_of(int first, int count)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(fd >= 0);
    for (int i = 0; i < count; i++) {
        assert_true(dprintf(fd, "%d\n", first + i) > 0);
    }
    return fd;
}

/* The line that a tail of `lines` begins with. */
static int first_of_tail(const int *fds, size_t count, int64_t lines)
{
    size_t index = 99;
    off_t offset = -1;
    char text[32] = "";
    log_tail_find(fds, count, lines, &index, &offset);
    assert_true(index < count);
    ssize_t length = pread(fds[index], text, sizeof(text) - 1, offset);
    return length > 0 ? atoi(text) : -1;
}

static void test_tail(void **state)
{
    int fds[] = {file_of(1, 100), file_of(101, 50000), file_of(50101, 3)};
    assert_int_equal(first_of_tail(fds, 3, 1), 50103);
    assert_int_equal(first_of_tail(fds, 3, 3), 50101);
    assert_int_equal(first_of_tail(fds, 3, 4), 50100);
    assert_int_equal(first_of_tail(fds, 3, 30000), 20104);
    assert_int_equal(first_of_tail(fds, 3, 50003), 101);
    assert_int_equal(first_of_tail(fds, 3, 50004), 100);
    assert_int_equal(first_of_tail(fds, 3, 50103), 1);
    assert_int_equal(first_of_tail(fds, 3, 99999999), 1);
    assert_int_equal(first_of_tail(fds, 3, 0), -1);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
}

static void test_tail_edges(void **state)
{
    int empty[] = {file_of(0, 0)};
    size_t index = 9;
    off_t offset = 9;
    log_tail_find(empty, 1, 5, &index, &offset);
    assert_int_equal(index, 0);
    assert_int_equal(offset, 0);
    log_tail_find(empty, 0, 5, &index, &offset);
    assert_int_equal(offset, 0);
    /* a last line that is still being written counts as one */
    assert_true(dprintf(empty[0], "7\n8\n9") > 0);
    assert_int_equal(first_of_tail(empty, 1, 1), 9);
    assert_int_equal(first_of_tail(empty, 1, 2), 8);
    close(empty[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_torn),
                                       cmocka_unit_test(test_format), cmocka_unit_test(test_tail),
                                       cmocka_unit_test(test_tail_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
