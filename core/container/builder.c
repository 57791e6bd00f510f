/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory and descriptors of one shim spec: bump allocation, freed together.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "container/spec.h"

enum { BLOCK_SIZE = 16384, ALIGNMENT = 16 };

struct spec_block {
    struct spec_block *next;
    size_t size, used;
    _Alignas(ALIGNMENT) unsigned char data[];
};

void spec_builder_init(struct spec_builder *builder)
{
    *builder = (struct spec_builder){0};
    berth_shim_spec_init(&builder->spec);
}

void spec_builder_done(struct spec_builder *builder)
{
    while (builder->blocks != NULL) {
        struct spec_block *next = builder->blocks->next;
        free(builder->blocks);
        builder->blocks = next;
    }
    for (size_t i = 0; i < builder->fd_count; i++) {
        close(builder->fds[i]);
    }
    free(builder->fds);
    berth_linux_cgroup_plan_done(&builder->plan);
    *builder = (struct spec_builder){0};
}

void *spec_alloc(struct spec_builder *builder, size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct spec_block *block = builder->blocks;
    if (block == NULL || block->size - block->used < rounded) {
        size_t room = rounded > BLOCK_SIZE ? rounded : BLOCK_SIZE;
        block = malloc(sizeof(*block) + room);
        if (block == NULL) {
            builder->failed = true;
            return NULL;
        }
        block->next = builder->blocks;
        block->size = room;
        block->used = 0;
        builder->blocks = block;
    }
    void *memory = block->data + block->used;
    block->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

char *spec_copy(struct spec_builder *builder, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t length = strlen(text) + 1;
    char *copy = spec_alloc(builder, length);
    if (copy != NULL) {
        memcpy(copy, text, length);
    }
    return copy;
}

char *spec_format(struct spec_builder *builder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length >= 0 ? spec_alloc(builder, (size_t)length + 1) : NULL;
    if (text != NULL) {
        va_start(arguments, format);
        vsnprintf(text, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    return text;
}

void spec_strings(struct spec_builder *builder, const struct berth_strv *from,
                  struct berth_shim_strings *to)
{
    to->items = spec_alloc(builder, (from->count + 1) * sizeof(*to->items));
    to->count = to->items != NULL ? (uint32_t)from->count : 0;
    for (uint32_t i = 0; i < to->count; i++) {
        to->items[i] = spec_copy(builder, from->items[i]);
    }
}

int spec_own_fd(struct spec_builder *builder, int fd)
{
    int *grown = realloc(builder->fds, (builder->fd_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        close(fd);
        builder->failed = true;
        return -1;
    }
    builder->fds = grown;
    builder->fds[builder->fd_count++] = fd;
    return fd;
}

struct berth_shim_mount *spec_add_mount(struct spec_builder *builder)
{
    struct berth_shim_mount *mount = NULL;
    if (builder->spec.mount_count < builder->mount_capacity) {
        mount = &builder->spec.mounts[builder->spec.mount_count++];
    } else {
        builder->failed = true;
        mount = spec_alloc(builder, sizeof(*mount));
    }
    if (mount != NULL) {
        *mount = (struct berth_shim_mount){.fd = -1};
    }
    return mount;
}
