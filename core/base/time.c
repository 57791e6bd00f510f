/* SPDX-License-Identifier: Apache-2.0
 *
 * Points in time: clock, RFC 3339 both ways, and what --since takes.
 */
#include "base/time.h"

#include "base/string.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t clock_now(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * BERTH_NANOSECONDS + now.tv_nsec;
}

int64_t berth_time_now(void)
{
    return clock_now(CLOCK_REALTIME);
}

int64_t berth_time_monotonic(void)
{
    return clock_now(CLOCK_MONOTONIC);
}

/* Seconds and the nanoseconds above them, rounding down for times before the epoch. */
static time_t split_time(int64_t time, int64_t *ret_nanoseconds)
{
    int64_t seconds = time / BERTH_NANOSECONDS, rest = time % BERTH_NANOSECONDS;
    if (rest < 0) {
        rest += BERTH_NANOSECONDS;
        seconds--;
    }
    *ret_nanoseconds = rest;
    return (time_t)seconds;
}

char *berth_time_format(int64_t time, char text[BERTH_TIME_TEXT])
{
    if (time == 0) {
        memcpy(text, BERTH_TIME_ZERO_TEXT, sizeof BERTH_TIME_ZERO_TEXT);
        return text;
    }
    int64_t nanoseconds;
    time_t seconds = split_time(time, &nanoseconds);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t length = strftime(text, BERTH_TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
    if (nanoseconds != 0) {
        length +=
            (size_t)snprintf(text + length, BERTH_TIME_TEXT - length, ".%09d", (int)nanoseconds);
        while (text[length - 1] == '0') {
            length--;
        }
    }
    snprintf(text + length, BERTH_TIME_TEXT - length, "Z");
    return text;
}

/* Reads ".123…" at *text, moves behind it, returns nanoseconds (digits past the ninth ignored). */
static int64_t parse_fraction(const char **text)
{
    int64_t nanoseconds = 0, scale = BERTH_NANOSECONDS / 10;
    if (**text != '.') {
        return 0;
    }
    for ((*text)++; **text >= '0' && **text <= '9'; (*text)++) {
        nanoseconds += (**text - '0') * scale;
        scale /= 10;
    }
    return nanoseconds;
}

/* "Z", "+02:00" or "-07:00" and then the end; *ret_seconds east of UTC. */
static bool parse_zone(const char *text, int64_t *ret_seconds)
{
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        *ret_seconds = 0;
        return true;
    }
    unsigned hours, minutes;
    int used = 0;
    if ((text[0] != '+' && text[0] != '-') ||
        sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &used) != 2 || used != 5 ||
        text[6] != '\0' || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_seconds = (text[0] == '-' ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
    return true;
}

static bool fields_in_range(const struct tm *parts)
{
    return parts->tm_mon >= 0 && parts->tm_mon < 12 && parts->tm_mday >= 1 &&
           parts->tm_mday <= 31 && parts->tm_hour >= 0 && parts->tm_hour < 24 &&
           parts->tm_min >= 0 && parts->tm_min < 60 && parts->tm_sec >= 0 && parts->tm_sec <= 60;
}

bool berth_time_parse(const char *text, int64_t *ret_time)
{
    struct tm parts = {0};
    int used = 0;
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
               &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &used) != 6 ||
        used != 19) {
        return false;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const char *rest = text + used;
    int64_t nanoseconds = parse_fraction(&rest), zone;
    if (!fields_in_range(&parts) || !parse_zone(rest, &zone)) {
        return false;
    }
    if (parts.tm_year <= 1677 - 1900 || parts.tm_year >= 2262 - 1900) {
        /* out of the range of nanoseconds in 64 bits: Go's zero time and other nonsense */
        *ret_time = 0;
        return parts.tm_year == 1 - 1900;
    }
    *ret_time = ((int64_t)timegm(&parts) - zone) * BERTH_NANOSECONDS + nanoseconds;
    return true;
}

static bool parse_unix(const char *text, int64_t *ret_time)
{
    char *end = NULL;
    long long seconds = strtoll(text, &end, 10);
    if (end == text || seconds < 0 || seconds > INT64_MAX / BERTH_NANOSECONDS - 1) {
        return false;
    }
    const char *rest = end;
    int64_t nanoseconds = parse_fraction(&rest);
    if (*rest != '\0') {
        return false;
    }
    *ret_time = seconds * BERTH_NANOSECONDS + nanoseconds;
    return true;
}

/* Local times with parts missing: "2006-01-02", "…T15", "…T15:04", "…T15:04:05[.…]". */
static bool parse_local(const char *text, int64_t *ret_time)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H",
                                          "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm parts = {.tm_isdst = -1};
        const char *rest = strptime(text, formats[i], &parts);
        if (rest == NULL) {
            continue;
        }
        int64_t nanoseconds = i == 0 ? parse_fraction(&rest) : 0, zone;
        if (*rest == '\0') {
            *ret_time = (int64_t)mktime(&parts) * BERTH_NANOSECONDS + nanoseconds;
            return true;
        }
        if (parse_zone(rest, &zone)) {
            *ret_time = ((int64_t)timegm(&parts) - zone) * BERTH_NANOSECONDS + nanoseconds;
            return true;
        }
    }
    return false;
}

bool berth_time_parse_relative(const char *text, int64_t now, int64_t *ret_time)
{
    int64_t duration;
    if (berth_time_parse(text, ret_time) || parse_unix(text, ret_time) ||
        parse_local(text, ret_time)) {
        return true;
    }
    if (berth_duration_parse(text, &duration)) {
        *ret_time = now - duration;
        return true;
    }
    return false;
}
