/* SPDX-License-Identifier: Apache-2.0
 *
 * The small file "meta" in each layer's and container's folder: lines of "key value", the last one
 * "end", so that a torn file is recognised.
 */
#ifndef STORAGE_META_H
#define STORAGE_META_H

#include "catalog.h"

struct meta {
    char parent[ID_SIZE]; /* of a layer, or a container's top layer; "": none */
    char boot[BOOT_SIZE]; /* the boot it was made in */
};

/* Writes folder_fd/meta; key is "parent" or "top". 0 or -errno. */
int meta_write(int folder_fd, const char *key, const struct meta *meta);
/* Reads folder_fd/meta. 0, -ENOENT, or -EBADMSG for a torn or foreign one. */
int meta_read(int folder_fd, const char *key, struct meta *ret_meta);
/* The first line of a small file; 0 or -errno. */
int read_line(int folder_fd, const char *name, char *ret_text, size_t size);

#endif
