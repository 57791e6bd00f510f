/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec's wire form, both directions from one set of tables: header, then sections
 * {id, flags, length}, each a sequence of fields; list elements carry their own length.
 */
#include "shim/protocol.h"
#include "shim/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum field_kind {
    FIELD_U32,     /* also int32_t */
    FIELD_U64,     /* also int64_t */
    FIELD_STRING,  /* length counts the final NUL; 0 = NULL pointer */
    FIELD_BLOB,    /* struct berth_shim_blob */
    FIELD_STRINGS, /* struct berth_shim_strings */
    FIELD_U32S,    /* uint32_t *, count at `count` */
    FIELD_FD,      /* index into the fds sent along; UINT32_MAX = none */
    FIELD_LIST,    /* array of structs described by `element` */
};

struct table;

struct field {
    uint32_t kind;
    uint32_t offset;
    uint32_t count; /* offset of the uint32_t count of U32S and LIST */
    const struct table *element;
};

struct table {
    uint32_t size; /* of the C struct */
    uint32_t length;
    const struct field *fields;
};

struct section {
    uint16_t id;
    uint16_t flags;
    const struct field *fields;
    uint32_t length;
};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define F(type, kind, name)                                             \
    {                                                                   \
        FIELD_##kind, offsetof(struct berth_shim_##type, name), 0, NULL \
    }
#define S(kind, name) F(spec, kind, name)
#define U32S(name, n)                                                                            \
    {                                                                                            \
        FIELD_U32S, offsetof(struct berth_shim_spec, name), offsetof(struct berth_shim_spec, n), \
            NULL                                                                                 \
    }
#define LIST(name, n, table)                                                                     \
    {                                                                                            \
        FIELD_LIST, offsetof(struct berth_shim_spec, name), offsetof(struct berth_shim_spec, n), \
            &table                                                                               \
    }
#define TABLE(name, fields)                                                                    \
    static const struct table name##_table = {sizeof(struct berth_shim_##name), COUNT(fields), \
                                              fields}

static const struct field pair_fields[] = {F(pair, STRING, key), F(pair, STRING, value)};
TABLE(pair, pair_fields);

static const struct field rlimit_fields[] = {F(rlimit, U32, resource), F(rlimit, U64, soft),
                                             F(rlimit, U64, hard)};
TABLE(rlimit, rlimit_fields);

static const struct field namespace_fields[] = {F(namespace, U32, kind), F(namespace, U32, mode),
                                                F(namespace, FD, fd)};
TABLE(namespace, namespace_fields);

static const struct field mount_fields[] = {
    F(mount, U32, kind),        F(mount, U32, flags),
    F(mount, STRING, type),     F(mount, STRING, source),
    F(mount, STRING, target),   F(mount, FD, fd),
    F(mount, U64, attributes),  F(mount, U32, propagation),
    F(mount, STRINGS, options), F(mount, U32, propagation_recursive),
};
TABLE(mount, mount_fields);

static const struct field device_fields[] = {
    F(device, STRING, path),      F(device, U32, mode), F(device, U32, major),
    F(device, U32, minor),        F(device, U32, uid),  F(device, U32, gid),
    F(device, STRING, host_path),
};
TABLE(device, device_fields);

static const struct field device_rule_fields[] = {
    F(device_rule, U32, allow), F(device_rule, U32, type),   F(device_rule, U64, major),
    F(device_rule, U64, minor), F(device_rule, U32, access),
};
TABLE(device_rule, device_rule_fields);

static const struct field cgroup_dir_fields[] = {
    F(cgroup_dir, STRING, path), F(cgroup_dir, STRING, controllers), F(cgroup_dir, U32, flags)};
TABLE(cgroup_dir, cgroup_dir_fields);

static const struct field cgroup_write_fields[] = {
    F(cgroup_write, U32, dir), F(cgroup_write, U32, flags), F(cgroup_write, STRING, file),
    F(cgroup_write, STRING, value)};
TABLE(cgroup_write, cgroup_write_fields);

static const struct field client_fields[] = {F(client, U64, id), F(client, U32, flags),
                                             F(client, FD, fd), F(client, BLOB, detach_keys),
                                             F(client, BLOB, early)};
TABLE(client, client_fields);

static const struct field general_section[] = {S(STRING, id), S(STRING, state_dir),
                                               S(STRING, hostname), S(STRING, domainname)};
static const struct field process_section[] = {
    S(STRINGS, argv),
    S(STRINGS, env),
    S(STRING, cwd),
    S(U32, uid),
    S(U32, gid),
    U32S(groups, group_count),
    S(U32, umask),
    S(U32, flags),
    S(U32, oom_score_adj),
    S(U64, cap_bounding),
    S(U64, cap_effective),
    S(U64, cap_permitted),
    S(U64, cap_inheritable),
    S(U64, cap_ambient),
    LIST(rlimits, rlimit_count, rlimit_table),
};
static const struct field stdio_section[] = {S(U32, rows), S(U32, columns), S(U32, client_buffer),
                                             S(U32, client_stall_ms)};
static const struct field namespaces_section[] = {
    LIST(namespaces, namespace_count, namespace_table)};
static const struct field root_section[] = {S(FD, root_fd), S(STRING, root_path),
                                            S(U32, root_readonly), S(U32, root_propagation)};
static const struct field mounts_section[] = {LIST(mounts, mount_count, mount_table)};
static const struct field devices_section[] = {LIST(devices, device_count, device_table),
                                               S(U32, default_links)};
static const struct field paths_section[] = {S(STRINGS, masked), S(STRINGS, readonly)};
static const struct field sysctls_section[] = {LIST(sysctls, sysctl_count, pair_table)};
static const struct field cgroup_section[] = {
    S(U32, cgroup_version),
    LIST(cgroup_dirs, cgroup_dir_count, cgroup_dir_table),
    LIST(cgroup_writes, cgroup_write_count, cgroup_write_table),
    LIST(device_rules, device_rule_count, device_rule_table),
};
static const struct field seccomp_section[] = {S(BLOB, seccomp), S(U32, seccomp_flags)};
static const struct field log_section[] = {S(U32, log_kind), S(STRING, log_path),
                                           S(U64, log_max_size), S(U32, log_max_files),
                                           S(STRING, log_attrs)};
static const struct field clients_section[] = {LIST(clients, client_count, client_table)};
static const struct field exec_section[] = {S(STRING, exec_id), S(U32, exec_pid),
                                            S(U64, exec_start_time)};
static const struct field clock_section[] = {S(STRING, boot_id)};

#define REQUIRED(id, fields)                                                     \
    {                                                                            \
        BERTH_SHIM_SECTION_##id, BERTH_SHIM_WIRE_REQUIRED, fields, COUNT(fields) \
    }
#define OPTIONAL(id, fields)                              \
    {                                                     \
        BERTH_SHIM_SECTION_##id, 0, fields, COUNT(fields) \
    }

/* A section is required when a shim that ignored it would run something else than asked. */
static const struct section sections[] = {
    REQUIRED(GENERAL, general_section), REQUIRED(PROCESS, process_section),
    OPTIONAL(STDIO, stdio_section),     REQUIRED(NAMESPACES, namespaces_section),
    REQUIRED(ROOT, root_section),       REQUIRED(MOUNTS, mounts_section),
    REQUIRED(DEVICES, devices_section), REQUIRED(PATHS, paths_section),
    REQUIRED(SYSCTLS, sysctls_section), REQUIRED(CGROUP, cgroup_section),
    REQUIRED(SECCOMP, seccomp_section), REQUIRED(LOG, log_section),
    REQUIRED(CLIENTS, clients_section), REQUIRED(EXEC, exec_section),
    OPTIONAL(CLOCK, clock_section),
};

/* ---- encode --------------------------------------------------------------------------------- */

struct writer {
    unsigned char *data;
    size_t length, size;
    int *fds;
    uint32_t fd_count;
    int failed; /* BERTH_E_* of the first failure */
};

static void put(struct writer *w, const void *data, size_t length)
{
    if (w->failed != 0) {
        return;
    }
    if (length > BERTH_SHIM_SPEC_MAX || w->length + length > BERTH_SHIM_SPEC_MAX) {
        w->failed = BERTH_E_INVALID;
        return;
    }
    if (w->length + length > w->size) {
        size_t size = (w->length + length) * 2 + 4096;
        unsigned char *grown = realloc(w->data, size);
        if (grown == NULL) {
            w->failed = BERTH_E_NO_MEMORY;
            return;
        }
        w->data = grown;
        w->size = size;
    }
    if (length > 0) {
        memcpy(w->data + w->length, data, length);
    }
    w->length += length;
}

static void put_u32(struct writer *w, uint32_t value)
{
    put(w, &value, sizeof(value));
}

/* Reserves a length word and returns where it stands; patch_length() fills it. */
static size_t open_length(struct writer *w)
{
    put_u32(w, 0);
    return w->length;
}

static void patch_length(struct writer *w, size_t start)
{
    if (w->failed == 0) {
        uint32_t length = (uint32_t)(w->length - start);
        memcpy(w->data + start - sizeof(length), &length, sizeof(length));
    }
}

static void put_blob(struct writer *w, const void *data, size_t length)
{
    if (length > BERTH_SHIM_SPEC_MAX) {
        w->failed = BERTH_E_INVALID;
        return;
    }
    put_u32(w, (uint32_t)length);
    put(w, data, length);
}

static void put_string(struct writer *w, const char *text)
{
    put_blob(w, text, text == NULL ? 0 : strlen(text) + 1);
}

static void put_fd(struct writer *w, int fd)
{
    if (fd < 0) {
        put_u32(w, UINT32_MAX);
    } else if (w->fd_count == BERTH_SHIM_FDS_MAX) {
        w->failed = BERTH_E_INVALID;
    } else {
        put_u32(w, w->fd_count);
        w->fds[w->fd_count++] = fd;
    }
}

static void put_fields(struct writer *w, const struct field *fields, uint32_t n, const void *base);

static void put_list(struct writer *w, const struct field *f, const unsigned char *base)
{
    const unsigned char *items = *(unsigned char *const *)(const void *)(base + f->offset);
    uint32_t count = *(const uint32_t *)(const void *)(base + f->count);

    put_u32(w, count);
    for (uint32_t i = 0; i < count; i++) {
        size_t start = open_length(w);
        put_fields(w, f->element->fields, f->element->length, items + (size_t)i * f->element->size);
        patch_length(w, start);
    }
}

static void put_strings(struct writer *w, const struct berth_shim_strings *strings)
{
    put_u32(w, strings->count);
    for (uint32_t i = 0; i < strings->count; i++) {
        put_string(w, strings->items[i]);
    }
}

static void put_fields(struct writer *w, const struct field *fields, uint32_t n, const void *base)
{
    for (uint32_t i = 0; i < n && w->failed == 0; i++) {
        const struct field *f = &fields[i];
        const unsigned char *at = (const unsigned char *)base + f->offset;
        const struct berth_shim_blob *blob = (const void *)at;
        switch (f->kind) {
        case FIELD_U32:
            put(w, at, sizeof(uint32_t));
            break;
        case FIELD_U64:
            put(w, at, sizeof(uint64_t));
            break;
        case FIELD_STRING:
            put_string(w, *(char *const *)(const void *)at);
            break;
        case FIELD_BLOB:
            put_blob(w, blob->data, blob->length);
            break;
        case FIELD_STRINGS:
            put_strings(w, (const void *)at);
            break;
        case FIELD_U32S: {
            uint32_t count =
                *(const uint32_t *)(const void *)((const unsigned char *)base + f->count);
            put_u32(w, count);
            put(w, *(uint32_t *const *)(const void *)at, (size_t)count * sizeof(uint32_t));
            break;
        }
        case FIELD_FD:
            put_fd(w, *(const int32_t *)(const void *)at);
            break;
        default:
            put_list(w, f, base);
            break;
        }
    }
}

void berth_shim_spec_init(struct berth_shim_spec *spec)
{
    memset(spec, 0, sizeof(*spec));
    spec->root_fd = -1;
}

int berth_shim_spec_encode(const struct berth_shim_spec *spec, void **ret_data, size_t *ret_length,
                           int *ret_fds, uint32_t *ret_fd_count, berth_error *err)
{
    struct writer w = {.fds = ret_fds};
    struct berth_shim_wire_header header = {
        .magic = BERTH_SHIM_MAGIC,
        .major = BERTH_SHIM_PROTOCOL_MAJOR,
        .minor = BERTH_SHIM_PROTOCOL_MINOR,
        .section_count = COUNT(sections),
    };

    put(&w, &header, sizeof(header));
    for (uint32_t i = 0; i < COUNT(sections); i++) {
        struct berth_shim_wire_section head = {sections[i].id, sections[i].flags, 0};
        put(&w, &head, sizeof(head));
        size_t start = w.length;
        put_fields(&w, sections[i].fields, sections[i].length, spec);
        patch_length(&w, start);
    }
    if (w.failed != 0) {
        free(w.data);
        return berth_shim_fail(err, w.failed, 0,
                               w.failed == BERTH_E_NO_MEMORY
                                   ? "out of memory while encoding the container's spec"
                                   : "the container's spec is too large (over 16 MiB of arguments, "
                                     "environment and mounts, or over 1024 file descriptors)");
    }
    header.total_length = (uint32_t)w.length;
    header.fd_count = w.fd_count;
    memcpy(w.data, &header, sizeof(header));
    *ret_data = w.data;
    *ret_length = w.length;
    *ret_fd_count = w.fd_count;
    return 0;
}

/* ---- decode --------------------------------------------------------------------------------- */

struct reader {
    const unsigned char *at;
    size_t left;
    struct berth_shim_fds fds;
    struct berth_shim_arena *arena;
};

size_t berth_shim_arena_size(size_t length)
{
    /* The worst case is a list element of 4 wire bytes (empty, all fields unknown to the sender)
     * that becomes the largest struct; strings of 5 bytes become pointers of 8, once more for NULL
     * terminators and alignment. */
    size_t largest = sizeof(struct berth_shim_mount);
    return (length / 4 + 64) * (largest + 16);
}

static void *take_arena(struct berth_shim_arena *arena, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (size > arena->size || arena->used > arena->size - size) {
        return NULL;
    }
    void *result = arena->base + arena->used;
    arena->used += size;
    memset(result, 0, size);
    return result;
}

static int take(struct reader *r, void *target, size_t length)
{
    if (length > r->left) {
        return -1;
    }
    memcpy(target, r->at, length);
    r->at += length;
    r->left -= length;
    return 0;
}

static int take_blob(struct reader *r, const void **ret_data, uint32_t *ret_length)
{
    uint32_t length;
    if (take(r, &length, sizeof(length)) < 0 || length > r->left) {
        return -1;
    }
    *ret_data = length == 0 ? NULL : r->at;
    *ret_length = length;
    r->at += length;
    r->left -= length;
    return 0;
}

static int take_string(struct reader *r, char **ret_text)
{
    const void *data;
    uint32_t length;
    if (take_blob(r, &data, &length) < 0) {
        return -1;
    }
    if (length > 0 && memchr(data, 0, length) != (const unsigned char *)data + length - 1) {
        return -1;
    }
    *ret_text = (char *)(uintptr_t)data;
    return 0;
}

/* A list's count, refused when the bytes left cannot hold that many. */
static int take_count(struct reader *r, uint32_t *ret_count)
{
    uint32_t count;
    if (take(r, &count, sizeof(count)) < 0 || count > r->left / 4) {
        return -1;
    }
    *ret_count = count;
    return 0;
}

static int take_strings(struct reader *r, struct berth_shim_strings *strings)
{
    uint32_t count;
    if (take_count(r, &count) < 0) {
        return -1;
    }
    char **items = take_arena(r->arena, ((size_t)count + 1) * sizeof(char *));
    if (items == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (take_string(r, &items[i]) < 0 || items[i] == NULL) {
            return -1;
        }
    }
    strings->items = items;
    strings->count = count;
    return 0;
}

static int take_fd(struct reader *r, int32_t *ret_fd)
{
    uint32_t index;
    if (take(r, &index, sizeof(index)) < 0 || (index != UINT32_MAX && index >= r->fds.count)) {
        return -1;
    }
    *ret_fd = index == UINT32_MAX ? -1 : r->fds.items[index];
    return 0;
}

static int take_fields(struct reader *r, const struct field *fields, uint32_t n, void *base);

/* Fields that a shorter, older element does not carry must read as "none", not as fd 0. */
static void clear_fds(const struct field *fields, uint32_t n, unsigned char *base)
{
    for (uint32_t i = 0; i < n; i++) {
        if (fields[i].kind == FIELD_FD) {
            *(int32_t *)(void *)(base + fields[i].offset) = -1;
        }
    }
}

static int take_list(struct reader *r, const struct field *f, unsigned char *base)
{
    const struct table *element = f->element;
    uint32_t count;
    if (take_count(r, &count) < 0) {
        return -1;
    }
    unsigned char *items = take_arena(r->arena, (size_t)count * element->size);
    if (items == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct reader sub = *r;
        uint32_t length;
        if (take_blob(r, (const void **)&sub.at, &length) < 0) {
            return -1;
        }
        sub.left = length;
        unsigned char *item = items + (size_t)i * element->size;
        clear_fds(element->fields, element->length, item);
        if (take_fields(&sub, element->fields, element->length, item) < 0) {
            return -1;
        }
    }
    *(void **)(void *)(base + f->offset) = items;
    *(uint32_t *)(void *)(base + f->count) = count;
    return 0;
}

static int take_u32s(struct reader *r, const struct field *f, unsigned char *base)
{
    uint32_t count;
    if (take_count(r, &count) < 0) {
        return -1;
    }
    uint32_t *items = take_arena(r->arena, (size_t)count * sizeof(uint32_t));
    if (items == NULL || take(r, items, (size_t)count * sizeof(uint32_t)) < 0) {
        return -1;
    }
    *(uint32_t **)(void *)(base + f->offset) = items;
    *(uint32_t *)(void *)(base + f->count) = count;
    return 0;
}

static int take_field(struct reader *r, const struct field *f, unsigned char *base)
{
    unsigned char *at = base + f->offset;
    struct berth_shim_blob *blob = (void *)at;
    switch (f->kind) {
    case FIELD_U32:
        return take(r, at, sizeof(uint32_t));
    case FIELD_U64:
        return take(r, at, sizeof(uint64_t));
    case FIELD_STRING:
        return take_string(r, (char **)(void *)at);
    case FIELD_BLOB:
        return take_blob(r, &blob->data, &blob->length);
    case FIELD_STRINGS:
        return take_strings(r, (void *)at);
    case FIELD_U32S:
        return take_u32s(r, f, base);
    case FIELD_FD:
        return take_fd(r, (int32_t *)(void *)at);
    default:
        return take_list(r, f, base);
    }
}

/* Reads fields until the writer's end: a shorter section or element leaves the rest as it is. */
static int take_fields(struct reader *r, const struct field *fields, uint32_t n, void *base)
{
    for (uint32_t i = 0; i < n && r->left > 0; i++) {
        if (take_field(r, &fields[i], base) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What the shim relies on everywhere, so that no later code has to check it again. */
static int spec_is_sane(const struct berth_shim_spec *spec)
{
    if (spec->id == NULL || spec->state_dir == NULL || spec->state_dir[0] != '/' ||
        spec->argv.count == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < spec->mount_count; i++) {
        if (spec->mounts[i].target == NULL) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < spec->device_count; i++) {
        if (spec->devices[i].path == NULL) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < spec->sysctl_count; i++) {
        if (spec->sysctls[i].key == NULL || spec->sysctls[i].value == NULL) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < spec->cgroup_dir_count; i++) {
        if (spec->cgroup_dirs[i].path == NULL || spec->cgroup_dirs[i].path[0] != '/') {
            return 0;
        }
    }
    for (uint32_t i = 0; i < spec->cgroup_write_count; i++) {
        const struct berth_shim_cgroup_write *w = &spec->cgroup_writes[i];
        if (w->dir >= spec->cgroup_dir_count || w->file == NULL || w->value == NULL) {
            return 0;
        }
    }
    return 1;
}

static int decode_section(struct reader *r, const struct berth_shim_wire_section *head,
                          struct berth_shim_spec *spec)
{
    for (uint32_t i = 0; i < COUNT(sections); i++) {
        if (sections[i].id == head->id) {
            return take_fields(r, sections[i].fields, sections[i].length, spec) < 0 ? BERTH_E_DATA
                                                                                    : 0;
        }
    }
    return (head->flags & BERTH_SHIM_WIRE_REQUIRED) != 0 ? BERTH_E_UNSUPPORTED : 0;
}

int berth_shim_spec_decode(const void *data, size_t length, struct berth_shim_fds fds,
                           struct berth_shim_arena *arena, struct berth_shim_spec *ret_spec,
                           berth_error *err)
{
    struct berth_shim_wire_header header;
    struct reader r = {.at = data, .left = length, .fds = fds, .arena = arena};
    struct berth_shim_spec spec;

    if (take(&r, &header, sizeof(header)) < 0 || header.magic != BERTH_SHIM_MAGIC) {
        return berth_shim_fail(err, BERTH_E_DATA, 0, "this is not a container spec");
    }
    if (header.major != BERTH_SHIM_PROTOCOL_MAJOR) {
        return berth_shim_fail(err, BERTH_E_UNSUPPORTED, 0,
                               "the spec has another major version of the shim protocol");
    }
    if (header.total_length != length || header.fd_count != fds.count) {
        return berth_shim_fail(err, BERTH_E_DATA, 0, "the container spec is cut short");
    }
    berth_shim_spec_init(&spec);
    for (uint32_t i = 0; i < header.section_count; i++) {
        struct berth_shim_wire_section head;
        if (take(&r, &head, sizeof(head)) < 0 || head.length > r.left) {
            return berth_shim_fail(err, BERTH_E_DATA, 0, "a section of the spec is cut short");
        }
        struct reader sub = r;
        sub.left = head.length;
        int result = decode_section(&sub, &head, &spec);
        if (result != 0) {
            return berth_shim_fail(err, result, 0,
                                   result == BERTH_E_DATA
                                       ? "a section of the container spec is broken"
                                       : "the spec needs something this older shim cannot do");
        }
        r.at += head.length;
        r.left -= head.length;
    }
    if (r.left != 0 || !spec_is_sane(&spec)) {
        return berth_shim_fail(err, BERTH_E_DATA, 0, "the container spec is incomplete");
    }
    *ret_spec = spec;
    return 0;
}
