/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of json-file log lines, byte for byte as Docker writes it: Go's HTML-safe escaping, invalid
 * UTF-8 as \ufffd, RFC 3339 times without trailing zeros.
 */
#include "shim/shim.h"

#include <string.h>

static const char hex[] = "0123456789abcdef";

/* Length of the valid UTF-8 sequence at data (1 to 4), or 0: RFC 3629, table 3-7 of Unicode. */
static size_t utf8_length(const unsigned char *data, size_t left)
{
    unsigned char lead = data[0], low = 0x80, high = 0xbf;
    size_t need;

    if (lead >= 0xc2 && lead <= 0xdf) {
        need = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        need = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (left < need || data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if (data[i] < 0x80 || data[i] > 0xbf) {
            return 0;
        }
    }
    return need;
}

static size_t escape_ascii(unsigned char *target, unsigned char byte)
{
    target[0] = '\\';
    switch (byte) {
    case '\n':
        target[1] = 'n';
        return 2;
    case '\r':
        target[1] = 'r';
        return 2;
    case '"':
    case '\\':
        target[1] = byte;
        return 2;
    default:
        memcpy(target + 1, "u00", 3);
        target[4] = (unsigned char)hex[byte >> 4];
        target[5] = (unsigned char)hex[byte & 15];
        return 6;
    }
}

static int is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != '<' &&
           byte != '>' && byte != '&';
}

size_t json_escape(unsigned char *target, const unsigned char *data, size_t length)
{
    unsigned char *out = target;

    for (size_t i = 0; i < length;) {
        size_t start = i;
        while (i < length && is_plain(data[i])) {
            i++;
        }
        memcpy(out, data + start, i - start);
        out += i - start;
        if (i == length) {
            break;
        }
        if (data[i] < 0x80) {
            out += escape_ascii(out, data[i++]);
            continue;
        }
        size_t n = utf8_length(data + i, length - i);
        if (n == 0) {
            memcpy(out, "\\ufffd", 6);
            out += 6;
            i++;
        } else if (n == 3 && data[i] == 0xe2 && data[i + 1] == 0x80 &&
                   (data[i + 2] & 0xfe) == 0xa8) {
            /* U+2028 and U+2029, line ends in JavaScript */
            memcpy(out, "\\u202", 5);
            out[5] = (unsigned char)hex[data[i + 2] & 15];
            out += 6;
            i += n;
        } else {
            memcpy(out, data + i, n);
            out += n;
            i += n;
        }
    }
    return (size_t)(out - target);
}

static char *digits(char *at, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

size_t time_format(char *target, int64_t sec, int32_t nsec)
{
    /* Days to a civil date: era of 400 years = 146097 days, years that begin in March. */
    int64_t days = sec / 86400, rest = sec % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = yoe + era * 400 + (month <= 2);
    char *at = digits(target, year, 4);

    *at++ = '-';
    at = digits(at, month, 2);
    *at++ = '-';
    at = digits(at, day, 2);
    *at++ = 'T';
    at = digits(at, rest / 3600, 2);
    *at++ = ':';
    at = digits(at, rest / 60 % 60, 2);
    *at++ = ':';
    at = digits(at, rest % 60, 2);
    if (nsec > 0) {
        *at++ = '.';
        at = digits(at, nsec, 9);
        while (at[-1] == '0') {
            at--;
        }
    }
    *at++ = 'Z';
    return (size_t)(at - target);
}
