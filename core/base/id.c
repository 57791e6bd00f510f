/* SPDX-License-Identifier: Apache-2.0
 *
 * Random identifiers and hexadecimal.
 */
#include "base/id.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

void berth_hex(const void *bytes, size_t size, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < size; i++) {
        ret_text[2 * i] = digits[from[i] >> 4];
        ret_text[2 * i + 1] = digits[from[i] & 15];
    }
    ret_text[2 * size] = '\0';
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

bool berth_hex_decode(const char *text, void *ret_bytes, size_t size)
{
    if (strlen(text) != 2 * size) {
        return false;
    }
    unsigned char *to = ret_bytes;
    for (size_t i = 0; i < size; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        to[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

int32_t berth_id_new(char ret_id[BERTH_ID_LENGTH + 1], berth_error *err)
{
    unsigned char bytes[BERTH_ID_LENGTH / 2];
    do {
        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
            return berth_error_errno(err, errno, "no randomness for a new id");
        }
        berth_hex(bytes, sizeof(bytes), ret_id);
        /* a short id of digits only would read as a number in host names: Docker draws again */
    } while (strspn(ret_id, "0123456789") >= BERTH_ID_SHORT_LENGTH);
    return 0;
}
