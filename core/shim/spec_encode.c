/* SPDX-License-Identifier: Apache-2.0
 *
 * Spec to wire: the daemon's direction.
 */
#include "shim/spec_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

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

static void put_fields(struct writer *w, const struct spec_field *fields, uint32_t n,
                       const void *base);

static void put_list(struct writer *w, const struct spec_field *f, const unsigned char *base)
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

static void put_fields(struct writer *w, const struct spec_field *fields, uint32_t n,
                       const void *base)
{
    for (uint32_t i = 0; i < n && w->failed == 0; i++) {
        const struct spec_field *f = &fields[i];
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

int berth_shim_spec_encode(const struct berth_shim_spec *spec, void **ret_data, size_t *ret_length,
                           int *ret_fds, uint32_t *ret_fd_count, berth_error *err)
{
    struct writer w = {.fds = ret_fds};
    struct berth_shim_wire_header header = {
        .magic = BERTH_SHIM_MAGIC,
        .major = BERTH_SHIM_PROTOCOL_MAJOR,
        .minor = BERTH_SHIM_PROTOCOL_MINOR,
        .section_count = spec_section_count,
    };

    put(&w, &header, sizeof(header));
    for (uint32_t i = 0; i < spec_section_count; i++) {
        struct berth_shim_wire_section head = {spec_sections[i].id, spec_sections[i].flags, 0};
        put(&w, &head, sizeof(head));
        size_t start = w.length;
        put_fields(&w, spec_sections[i].fields, spec_sections[i].length, spec);
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

/* ---- send ----------------------------------------------------------------------------------- */

/* Puts a large spec into a memfd: one fd instead of a message over the socket's limit. */
static int spec_to_memfd(const void *data, size_t length, int *ret_fd, berth_error *err)
{
    int fd = memfd_create("berth-spec", MFD_CLOEXEC);
    if (fd < 0) {
        return berth_shim_fail(err, BERTH_E_INTERNAL, errno, "cannot create a memfd for the spec");
    }
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, (const char *)data + done, length - done);
        if (n < 0) {
            int saved = errno;
            close(fd);
            return berth_shim_fail(err, BERTH_E_NO_MEMORY, saved, "cannot write the spec's memfd");
        }
        done += (size_t)n;
    }
    *ret_fd = fd;
    return 0;
}

static int send_encoded(int socket, const void *data, size_t length, struct berth_shim_fds fds,
                        berth_error *err)
{
    struct berth_shim_message message = {.type = BERTH_SHIM_FDS};
    struct berth_shim_payload payload = {0};
    uint32_t sent = 0;
    int memfd = -1, last[BERTH_SHIM_FDS_CHUNK];

    /* One place is kept in the last message for the memfd. */
    for (; fds.count - sent > BERTH_SHIM_FDS_CHUNK - 1; sent += payload.fd_count) {
        payload.fds = fds.items + sent;
        payload.fd_count = BERTH_SHIM_FDS_CHUNK - 1;
        int result = berth_shim_message_send(socket, &message, &payload, MSG_DONTWAIT, err);
        if (result != 0) {
            return result;
        }
    }
    message.type = BERTH_SHIM_SPEC;
    payload = (struct berth_shim_payload){.data = data, .length = length, .fds = last};
    if (length > BERTH_SHIM_SPEC_INLINE) {
        int result = spec_to_memfd(data, length, &memfd, err);
        if (result != 0) {
            return result;
        }
        last[payload.fd_count++] = memfd;
        payload.length = 0;
    }
    for (; sent < fds.count; sent++) {
        last[payload.fd_count++] = fds.items[sent];
    }
    int result = berth_shim_message_send(socket, &message, &payload, MSG_DONTWAIT, err);
    if (memfd >= 0) {
        close(memfd);
    }
    return result;
}

int berth_shim_spec_send(int socket, const struct berth_shim_spec *spec, berth_error *err)
{
    int fds[BERTH_SHIM_FDS_MAX];
    uint32_t fd_count;
    void *data;
    size_t length;
    int result = berth_shim_spec_encode(spec, &data, &length, fds, &fd_count, err);
    if (result != 0) {
        return result;
    }
    struct berth_shim_fds list = {fds, fd_count};
    result = send_encoded(socket, data, length, list, err);
    free(data);
    return result;
}
