/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes in bytes as people write and read them.
 */
#include "base/size.h"

#include "base/string.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool berth_size_parse(const char *text, int64_t *ret_bytes)
{
    static const char prefixes[] = "kmgtp";
    size_t digits = strspn(text, "0123456789.");
    char number[64];
    if (digits == 0 || digits >= sizeof(number)) {
        return false;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    char *end = NULL;
    double value = strtod(number, &end);
    if (*end != '\0') {
        return false;
    }
    const char *unit = text + digits;
    unit += *unit == ' ';
    const char *prefix = *unit != '\0' ? strchr(prefixes, *unit | 0x20) : NULL;
    if (prefix != NULL) {
        for (const char *at = prefixes; at <= prefix; at++) {
            value *= 1024; /* no pow(): loading libm costs the CLI a tenth of its start */
        }
        unit++;
        unit += *unit == 'i' && (unit[1] | 0x20) == 'b';
    }
    unit += (*unit | 0x20) == 'b';
    if (*unit != '\0' || !(value < (double)INT64_MAX)) {
        return false;
    }
    *ret_bytes = (int64_t)value;
    return true;
}

static char *format_units(double value, double base, const char *const names[], int digits,
                          char text[BERTH_SIZE_TEXT])
{
    size_t unit = 0;
    while (value >= base && unit < 8) {
        value /= base;
        unit++;
    }
    snprintf(text, BERTH_SIZE_TEXT, "%.*g%s", digits, value, names[unit]);
    return text;
}

char *berth_size_format(int64_t bytes, int digits, char text[BERTH_SIZE_TEXT])
{
    static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    return format_units((double)bytes, 1000, names, digits, text);
}

char *berth_size_format_binary(int64_t bytes, char text[BERTH_SIZE_TEXT])
{
    static const char *const names[] = {"B",   "KiB", "MiB", "GiB", "TiB",
                                        "PiB", "EiB", "ZiB", "YiB"};
    return format_units((double)bytes, 1024, names, 4, text);
}
