/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as one int64_t of nanoseconds since the epoch (UTC), and RFC 3339 text with nanoseconds as
 * Go prints it.
 */
#ifndef BERTH_BASE_TIME_H
#define BERTH_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define BERTH_TIME_TEXT   40 /* bytes that any formatted time fits in */
#define BERTH_NANOSECONDS INT64_C(1000000000)
/* What Go prints for a time that was never set; our 0. */
#define BERTH_TIME_ZERO_TEXT "0001-01-01T00:00:00Z"

/* CLOCK_REALTIME now. */
int64_t berth_time_now(void);
/* CLOCK_MONOTONIC now, for measuring. */
int64_t berth_time_monotonic(void);
/* RFC 3339 with up to nine decimals, trailing zeros cut (RFC3339Nano of Go), "Z". 0 gives
 * BERTH_TIME_ZERO_TEXT. Returns text. */
char *berth_time_format(int64_t time, char text[BERTH_TIME_TEXT]);
/* Parses RFC 3339 with any number of decimals and any zone; BERTH_TIME_ZERO_TEXT gives 0. */
bool berth_time_parse(const char *text, int64_t *ret_time);
/* What --since and --until take: RFC 3339 (zone, seconds or the whole clock may be missing: then
 * local time), Unix seconds[.nanoseconds], or a Go duration before `now`. */
bool berth_time_parse_relative(const char *text, int64_t now, int64_t *ret_time);
/* Go's durations: "1h30m", "10ms", "1.5s", "-2m"; result in nanoseconds. */
bool berth_duration_parse(const char *text, int64_t *ret_nanoseconds);
/* Go's Duration.String(): "1h30m0s", "1.5s", "100ms", "0s". Returns text. */
char *berth_duration_format(int64_t nanoseconds, char text[BERTH_TIME_TEXT]);
/* Docker's rough words: "Less than a second", "5 minutes", "About an hour", "3 weeks". Returns
 * text. */
char *berth_duration_human(int64_t nanoseconds, char text[BERTH_TIME_TEXT]);

#endif
