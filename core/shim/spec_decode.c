/* SPDX-License-Identifier: Apache-2.0
 *
 * Wire to spec: the shim's direction, for input that may be anything.
 */
#include "shim/spec_internal.h"

#include <string.h>

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

static int take_fields(struct reader *r, const struct spec_field *fields, uint32_t n, void *base);

/* Fields that a shorter, older element does not carry must read as "none", not as fd 0. */
static void clear_fds(const struct spec_field *fields, uint32_t n, unsigned char *base)
{
    for (uint32_t i = 0; i < n; i++) {
        if (fields[i].kind == FIELD_FD) {
            *(int32_t *)(void *)(base + fields[i].offset) = -1;
        }
    }
}

static int take_list(struct reader *r, const struct spec_field *f, unsigned char *base)
{
    const struct spec_table *element = f->element;
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

static int take_u32s(struct reader *r, const struct spec_field *f, unsigned char *base)
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

static int take_field(struct reader *r, const struct spec_field *f, unsigned char *base)
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
static int take_fields(struct reader *r, const struct spec_field *fields, uint32_t n, void *base)
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
    for (uint32_t i = 0; i < spec_section_count; i++) {
        if (spec_sections[i].id == head->id) {
            return take_fields(r, spec_sections[i].fields, spec_sections[i].length, spec) < 0
                       ? BERTH_E_DATA
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
