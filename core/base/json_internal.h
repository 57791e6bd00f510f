/* SPDX-License-Identifier: Apache-2.0
 *
 * What the JSON reader, writer and containers share.
 */
#ifndef BERTH_BASE_JSON_INTERNAL_H
#define BERTH_BASE_JSON_INTERNAL_H

#include "base/json.h"

/* Address of a field's member inside an object. */
static inline void *berth_json_member(const struct berth_json_field *field, const void *object)
{
    return (char *)(uintptr_t)object + field->offset;
}

/* Frees what one member owns and makes it empty. */
void berth_json_field_done(const struct berth_json_field *field, void *object);

#endif
