/* SPDX-License-Identifier: Apache-2.0
 *
 * Internal to core/shim: the tables that both directions of the spec's wire form work from.
 */
#ifndef BERTH_SHIM_SPEC_INTERNAL_H
#define BERTH_SHIM_SPEC_INTERNAL_H

#include "shim/protocol.h"
#include "shim/wire.h"

enum spec_field_kind {
    FIELD_U32,     /* also int32_t */
    FIELD_U64,     /* also int64_t */
    FIELD_STRING,  /* length counts the final NUL; 0 = NULL pointer */
    FIELD_BLOB,    /* struct berth_shim_blob */
    FIELD_STRINGS, /* struct berth_shim_strings */
    FIELD_U32S,    /* uint32_t *, count at `count` */
    FIELD_FD,      /* index into the fds sent along; UINT32_MAX = none */
    FIELD_LIST,    /* array of structs described by `element` */
};

struct spec_table;

struct spec_field {
    uint32_t kind;
    uint32_t offset;
    uint32_t count; /* offset of the uint32_t count of U32S and LIST */
    const struct spec_table *element;
};

struct spec_table {
    uint32_t size; /* of the C struct */
    uint32_t length;
    const struct spec_field *fields;
};

struct spec_section {
    uint16_t id;
    uint16_t flags;
    const struct spec_field *fields;
    uint32_t length;
};

extern const struct spec_section spec_sections[];
extern const uint32_t spec_section_count;

#endif
