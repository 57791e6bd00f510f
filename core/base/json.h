/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON bound by tables: one table per object says name, type, offset and API versions of each
 * member; reading, writing, copying and freeing all work from it, so no field code is written by
 * hand. Unknown members are ignored; a wrong type is BERTH_E_INVALID naming the field.
 */
#ifndef BERTH_BASE_JSON_H
#define BERTH_BASE_JSON_H

#include <json-c/json_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/string.h"

enum berth_json_type {
    BERTH_JSON_BOOL,           /* bool */
    BERTH_JSON_TRISTATE,       /* int32_t: -1 null or absent, 0 false, 1 true */
    BERTH_JSON_INT32,          /* int32_t */
    BERTH_JSON_INT64,          /* int64_t */
    BERTH_JSON_UINT64,         /* uint64_t */
    BERTH_JSON_DOUBLE,         /* double */
    BERTH_JSON_OPTIONAL_INT64, /* int64_t: BERTH_JSON_UNSET is null or absent */
    BERTH_JSON_STRING,         /* char *, owned; null and absent are NULL, NULL is written as "" */
    BERTH_JSON_STRV,           /* struct berth_strv: array of strings */
    BERTH_JSON_STRMAP,         /* struct berth_strmap: object of strings */
    BERTH_JSON_STRSET,         /* struct berth_strv: written and read as {"item": {}, ...} */
    BERTH_JSON_OBJECT,         /* the struct itself, embedded */
    BERTH_JSON_OBJECT_PTR,     /* struct *, owned; NULL is null */
    BERTH_JSON_LIST,           /* struct berth_json_list of struct * */
    BERTH_JSON_MAP,            /* struct berth_json_map: object of objects */
    BERTH_JSON_LIST_MAP,       /* struct berth_json_map whose values are struct berth_json_list * */
    BERTH_JSON_RAW             /* struct json_object *, owned: kept as it is */
};

#define BERTH_JSON_UNSET INT64_MIN

/* Flags: what is written for an empty value. Empty: false, 0, NULL, no items. For NULL_EMPTY a
 * vector, list or map that was read from [] or {} (its array is there, with no items) is not
 * empty: it is written as it was read, as Go tells nil from empty. */
enum {
    BERTH_JSON_OMIT_EMPTY = 1 << 0, /* leave the member out */
    BERTH_JSON_NULL_EMPTY = 1 << 1, /* write null ("", [] and {} otherwise) */
    BERTH_JSON_SECRET = 1 << 2,     /* never printed by debug dumps */
    BERTH_JSON_LONE = 1 << 3        /* STRV: a lone string is read as one item */
};

struct berth_json_table;

struct berth_json_field {
    const char *name;
    enum berth_json_type type;
    uint16_t flags;
    uint16_t since, until; /* API versions as major * 100 + minor (1.44: 144); 0: no bound */
    size_t offset;
    const struct berth_json_table *table; /* of the object types */
};

struct berth_json_table {
    const char *name; /* for error sentences */
    size_t size;      /* sizeof the struct */
    const struct berth_json_field *fields;
    size_t count;
};

/* Items are heap structs described by the field's table, owned by the list. */
struct berth_json_list {
    void **items;
    size_t count;
};

/* Keys keep the order of insertion; values as the field's type says. */
struct berth_json_map {
    char **keys;
    void **values;
    size_t count;
    uint32_t *index; /* private: a hash of the keys once there are many, else NULL */
    size_t index_size;
};

/* One line of a table: F(struct x, member, "Name", BOOL, 0). */
#define BERTH_JSON_FIELD(type_, member_, name_, kind_, flags_)          \
    {                                                                   \
        .name = (name_), .type = BERTH_JSON_##kind_, .flags = (flags_), \
        .offset = offsetof(type_, member_)                              \
    }
/* Same for a member bound by a table of its own. */
#define BERTH_JSON_NESTED(type_, member_, name_, kind_, flags_, table_) \
    {                                                                   \
        .name = (name_), .type = BERTH_JSON_##kind_, .flags = (flags_), \
        .offset = offsetof(type_, member_), .table = &(table_)          \
    }
/* Same with API version bounds: written only when since <= version <= until. */
#define BERTH_JSON_VERSIONED(type_, member_, name_, kind_, flags_, since_, until_)         \
    {                                                                                      \
        .name = (name_), .type = BERTH_JSON_##kind_, .flags = (flags_), .since = (since_), \
        .until = (until_), .offset = offsetof(type_, member_)                              \
    }
/* The table itself, from a static const array of fields. */
#define BERTH_JSON_TABLE(name_, type_, fields_)                      \
    {                                                                \
        .name = (name_), .size = sizeof(type_), .fields = (fields_), \
        .count = sizeof(fields_) / sizeof((fields_)[0])              \
    }

#define BERTH_JSON_MAX_DEPTH 64 /* json-c's parser is told; Docker's documents nest below 20 */

/* Parses one document (white space around it is fine, anything else after it is an error). The
 * result is the caller's: json_object_put(). `what` names the document in errors. */
int32_t berth_json_parse(const char *text, size_t length, const char *what,
                         struct json_object **ret_json, berth_error *err);

/* Reads json into the zeroed or previously filled struct `object`; absent members keep their
 * value. On failure the object may be partly filled: berth_json_done() it. Tristates and optional
 * numbers must be set by the caller first: berth_json_init(). */
int32_t berth_json_read(const struct berth_json_table *table, struct json_object *json,
                        void *object, berth_error *err);

/* parse + read. */
int32_t berth_json_read_text(const struct berth_json_table *table, const char *text, size_t length,
                             void *object, berth_error *err);

/* The JSON of object for an API version (major * 100 + minor; 0: every field, as for the store).
 * NULL: out of memory. The caller's: json_object_put(). */
struct json_object *berth_json_write(const struct berth_json_table *table, const void *object,
                                     int version);

/* Same as text without white space and with Go's escaping left to the caller; the caller's to
 * free. */
char *berth_json_write_text(const struct berth_json_table *table, const void *object, int version);

/* Zeroes the struct and sets tristates to -1 and optional numbers to BERTH_JSON_UNSET, in embedded
 * objects too. */
void berth_json_init(const struct berth_json_table *table, void *object);
/* A heap struct made by init; NULL: out of memory. */
void *berth_json_new(const struct berth_json_table *table);
/* Frees what the members own and inits it again. */
void berth_json_done(const struct berth_json_table *table, void *object);
/* done + free; NULL is fine. */
void berth_json_free(const struct berth_json_table *table, void *object);
/* Deep copy into an init'ed struct. */
int32_t berth_json_copy(const struct berth_json_table *table, const void *from, void *to,
                        berth_error *err);

/* Appends a new init'ed item; NULL: out of memory. Owned by the list. */
void *berth_json_list_add(struct berth_json_list *list, const struct berth_json_table *table);
void berth_json_list_done(struct berth_json_list *list, const struct berth_json_table *table);
/* Finds or adds the value of key (a struct for MAP, a berth_json_list for LIST_MAP with
 * table NULL). */
void *berth_json_map_add(struct berth_json_map *map, const char *key,
                         const struct berth_json_table *table);
void *berth_json_map_get(const struct berth_json_map *map, const char *key);
/* Removes and frees one entry of a MAP; false: absent. */
bool berth_json_map_remove(struct berth_json_map *map, const char *key,
                           const struct berth_json_table *table);
void berth_json_map_done(struct berth_json_map *map, const struct berth_json_table *table);

/* The compact text of a json-c document with "/" unescaped, the caller's to free. */
char *berth_json_text(struct json_object *json);

#endif
