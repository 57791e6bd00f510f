/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations: Go's syntax both ways, and Docker's rough words.
 */
#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int64_t nanoseconds;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* micro sign */
    {"\xce\xbcs", 1000}, /* Greek mu */
    {"ms", 1000000},
    {"s", BERTH_NANOSECONDS},
    {"m", 60 * BERTH_NANOSECONDS},
    {"h", 3600 * BERTH_NANOSECONDS},
};

/* The unit at text, longest name first by the table's order ("ms" before "m" needs the length). */
static int64_t parse_unit(const char **text)
{
    size_t length = strcspn(*text, "0123456789.");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == length && memcmp(*text, units[i].name, length) == 0) {
            *text += length;
            return units[i].nanoseconds;
        }
    }
    return 0;
}

bool berth_duration_parse(const char *text, int64_t *ret_nanoseconds)
{
    int sign = 1;
    if (*text == '-' || *text == '+') {
        sign = *text++ == '-' ? -1 : 1;
    }
    if (strcmp(text, "0") == 0) {
        *ret_nanoseconds = 0;
        return true;
    }
    double total = 0;
    if (*text == '\0') {
        return false;
    }
    while (*text != '\0') {
        char *end = NULL;
        if ((*text < '0' || *text > '9') && *text != '.') {
            return false;
        }
        size_t digits = strspn(text, "0123456789.");
        char number[64];
        if (digits >= sizeof(number)) {
            return false;
        }
        memcpy(number, text, digits);
        number[digits] = '\0';
        double value = strtod(number, &end);
        text += digits;
        int64_t unit = parse_unit(&text);
        if (*end != '\0' || unit == 0) {
            return false;
        }
        total += value * (double)unit;
    }
    if (total >= (double)INT64_MAX) {
        return false;
    }
    *ret_nanoseconds = sign * (int64_t)(total + 0.5); /* rounded; libm is not worth loading */
    return true;
}

/* Prints value / unit with the fraction's trailing zeros cut. */
static int format_fraction(char *text, size_t size, uint64_t value, uint64_t unit, const char *name)
{
    int length = snprintf(text, size, "%llu", (unsigned long long)(value / unit));
    uint64_t rest = value % unit;
    if (rest != 0) {
        text[length++] = '.';
        for (uint64_t scale = unit / 10; rest != 0; scale /= 10) {
            /* cppcheck-suppress zerodivcond ; unit is a power of ten, so rest ends first */
            text[length++] = (char)('0' + rest / scale);
            rest %= scale;
        }
    }
    return length + snprintf(text + length, size - (size_t)length, "%s", name);
}

char *berth_duration_format(int64_t nanoseconds, char text[BERTH_TIME_TEXT])
{
    uint64_t rest = nanoseconds < 0 ? -(uint64_t)nanoseconds : (uint64_t)nanoseconds;
    char *at = text;
    if (nanoseconds < 0) {
        *at++ = '-';
    }
    char *end = text + BERTH_TIME_TEXT;
    if (rest == 0) {
        snprintf(at, (size_t)(end - at), "0s");
    } else if (rest < 1000) {
        format_fraction(at, (size_t)(end - at), rest, 1, "ns");
    } else if (rest < 1000000) {
        format_fraction(at, (size_t)(end - at), rest, 1000, "\xc2\xb5s");
    } else if (rest < (uint64_t)BERTH_NANOSECONDS) {
        format_fraction(at, (size_t)(end - at), rest, 1000000, "ms");
    } else {
        uint64_t hour = 3600 * (uint64_t)BERTH_NANOSECONDS, minute = hour / 60;
        if (rest >= hour) {
            at += snprintf(at, (size_t)(end - at), "%lluh", (unsigned long long)(rest / hour));
        }
        if (rest >= minute) {
            at += snprintf(at, (size_t)(end - at), "%llum",
                           (unsigned long long)(rest % hour / minute));
        }
        format_fraction(at, (size_t)(end - at), rest % minute, (uint64_t)BERTH_NANOSECONDS, "s");
    }
    return text;
}

char *berth_duration_human(int64_t nanoseconds, char text[BERTH_TIME_TEXT])
{
    int64_t seconds = nanoseconds / BERTH_NANOSECONDS;
    int64_t minutes = seconds / 60;
    int64_t hours = (minutes + 30) / 60; /* rounded, as docker's units.HumanDuration does */
    const char *format = "%lld seconds";
    int64_t value = seconds;
    if (seconds < 1) {
        format = "Less than a second";
    } else if (seconds == 1) {
        format = "1 second";
    } else if (seconds < 60) {
        format = "%lld seconds";
    } else if (minutes == 1) {
        format = "About a minute";
    } else if (minutes < 60) {
        format = "%lld minutes", value = minutes;
    } else if (hours == 1) {
        format = "About an hour";
    } else if (hours < 48) {
        format = "%lld hours", value = hours;
    } else if (hours < 24 * 7 * 2) {
        format = "%lld days", value = hours / 24;
    } else if (hours < 24 * 30 * 2) {
        format = "%lld weeks", value = hours / 24 / 7;
    } else if (hours < 24 * 365 * 2) {
        format = "%lld months", value = hours / 24 / 30;
    } else {
        format = "%lld years", value = hours / 24 / 365;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, BERTH_TIME_TEXT, format, (long long)value);
#pragma GCC diagnostic pop
    return text;
}
