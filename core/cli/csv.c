/* SPDX-License-Identifier: Apache-2.0
 *
 * Comma-separated values.
 */
#include "cli/csv.h"

#include <string.h>

#include "base/buffer.h"

/* A field in quotes; text stands behind the first. Returns what follows the last; NULL: none. */
static const char *take_quoted(const char *text, struct berth_buffer *field)
{
    while (*text != '\0') {
        if (*text != '"') {
            berth_buffer_append(field, text++, 1);
        } else if (text[1] == '"') {
            berth_buffer_add(field, "\"");
            text += 2;
        } else {
            return text + 1;
        }
    }
    return NULL;
}

bool berth_csv_split(const char *text, struct berth_strv *fields)
{
    while (true) {
        AUTO_BUFFER struct berth_buffer field = BERTH_BUFFER_INIT;
        if (*text == '"') {
            text = take_quoted(text + 1, &field);
        } else {
            size_t length = strcspn(text, ",");
            berth_buffer_append(&field, text, length);
            text += length;
        }
        if (text == NULL || (*text != ',' && *text != '\0') || berth_buffer_failed(&field) ||
            !berth_strv_take(fields, berth_buffer_take(&field))) {
            return false;
        }
        if (*text == '\0') {
            return true;
        }
        text++;
    }
}
